//! Each end of a Job's pod is counted once, whatever crashes between the writes that count it.

use super::*;
use controlplane::behaviour::{Behaviour, Course, Span, Target};
use object::value;

/// Five pods that must succeed, two at a time.
fn job() -> Value {
    value!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "sums", "namespace": "default"},
        "spec": {
            "completions": 5, "parallelism": 2, "backoffLimit": 6,
            "template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "c", "image": "sums:1"}],
            }},
        },
    })
}

/// Runs the Job with a crash after the controller's `nth` write, and whatever else `change` does; gives the cluster,
/// whether the crash happened, and the uids of the pods that succeeded and failed.
fn run(nth: u32, change: impl Fn(&mut ClusterConfig)) -> (Cluster, bool, [usize; 2]) {
    let mut config = config(3, 2);
    change(&mut config);
    let mut cluster = Cluster::new(config).expect("a cluster");
    // The first programs fail, the later ones succeed.
    let course =
        |code| Behaviour { course: Course::Exits { after: Span::secs(1, 3), code }, ..Behaviour::default() };
    let target = Target { image: "sums:1".into(), ..Target::default() };
    cluster.world.behaviours.borrow_mut().add(target.clone(), course(1));
    let world = cluster.world.clone();
    cluster.sim.at(seconds(8), move |_| world.behaviours.borrow_mut().add(target.clone(), course(0)));
    let ended: Rc<RefCell<[BTreeSet<String>; 2]>> = Rc::default();
    let seen = ended.clone();
    cluster.world.observe(Box::new(move |commit| {
        for pod in pods_after(commit) {
            match pod["status"]["phase"].str() {
                "Succeeded" => drop(seen.borrow_mut()[0].insert(pod.uid().to_owned())),
                "Failed" => drop(seen.borrow_mut()[1].insert(pod.uid().to_owned())),
                _ => {}
            }
        }
    }));
    let crashed = crash_after_write(&cluster, "job-controller", nth);
    create(&mut cluster, &kinds::JOBS, job());
    cluster.sim.run_until(seconds(400));
    let ended = ended.borrow().each_ref().map(BTreeSet::len);
    (cluster, crashed.get(), ended)
}

/// Gives how many successes and failures the status counts.
fn counted(cluster: &Cluster) -> [usize; 2] {
    let job = get(cluster, &kinds::JOBS, "sums");
    ["succeeded", "failed"].map(|field| usize::try_from(job["status"][field].int()).expect("a count"))
}

#[test]
fn a_crash_after_any_write_counts_each_pod_once() {
    let mut some_failed = false;
    let writes = at_every_write(|nth| {
        let (cluster, crashed, ended) = run(nth, |_| {});
        assert_eq!(counted(&cluster), ended, "crash after write {nth}");
        some_failed |= ended[1] > 0;
        let job = get(&cluster, &kinds::JOBS, "sums");
        assert_eq!(job.condition("Complete")["status"], "True", "crash after write {nth}: {job:?}");
        assert_eq!(ended[0], 5, "crash after write {nth}: no more than were asked for");
        let uncounted = &job["status"]["uncountedTerminatedPods"];
        assert!(uncounted["succeeded"].is_empty() && uncounted["failed"].is_empty());
        let held = list(&cluster, &kinds::PODS)
            .iter()
            .any(|pod| pod.has_finalizer("batch.kubernetes.io/job-tracking"));
        assert!(!held, "crash after write {nth}: every pod is let go");
        crashed
    });
    assert!(some_failed, "failures are counted too");
    assert!(writes >= 20, "pods, finalizers and statuses, not {writes} writes");
}

/// Counting at once instead of listing first is what the list of uncounted pods is there to prevent.
#[test]
fn without_the_list_of_uncounted_pods_a_crash_counts_some_twice() {
    let mut wrong = 0;
    at_every_write(|nth| {
        let (cluster, crashed, ended) = run(nth, |config| config.mutants.jobs_count_at_once = true);
        wrong += u32::from(counted(&cluster) != ended);
        crashed
    });
    assert!(wrong > 0);
}

/// What a pod's finalizer is there for: without it a pod that somebody deletes is lost to the count.
#[test]
fn a_pod_that_is_deleted_as_it_ends_is_counted() {
    let mut config = config(4, 2);
    config.controller_managers = 1;
    let mut cluster = Cluster::new(config).expect("a cluster");
    let deleted = Rc::new(Cell::new(0));
    let seen = deleted.clone();
    create(&mut cluster, &kinds::JOBS, job());
    user(&mut cluster, "cleaner", move |client| {
        let seen = seen.clone();
        async move {
            for _ in 0..2000 {
                let scope =
                    controlplane::machinery::ListScope { namespace: "default".into(), ..Default::default() };
                let Ok(pods) = client.list_newest(&kinds::PODS, &scope).await else { continue };
                let over = pods
                    .items
                    .iter()
                    .filter(|pod| pod["status"]["phase"] == "Succeeded" && !pod.is_deleting());
                for pod in over {
                    let options = controlplane::machinery::DeleteOptions {
                        grace_period_s: Some(0),
                        ..Default::default()
                    };
                    let gone = client.delete(&kinds::PODS, "default", pod.name(), &options).await;
                    seen.set(seen.get() + u32::from(gone.is_ok()));
                }
            }
        }
    });
    cluster.sim.run_until(seconds(400));
    assert_eq!(counted(&cluster), [5, 0]);
    assert!(deleted.get() > 0, "some were deleted");
    assert!(list(&cluster, &kinds::PODS).iter().all(|pod| !pod.is_deleting()), "and are gone");
}

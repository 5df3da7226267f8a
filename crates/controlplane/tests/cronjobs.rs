//! CronJobs make one Job for each time, whatever is lost or seen late, and Jobs that have ended go in time.

use controlplane::behaviour::{Behaviour, Course, Target as Containers};
use controlplane::{Cluster, ClusterConfig, Fault, NodeConfig, Relist, Target, kinds};
use object::{ObjectExt, Value, value};
use schema::KubernetesVersion;
use sim::{CrashKind, Instant};
use std::collections::BTreeSet;
use std::time::Duration;

const MANAGER: &str = "kube-controller-manager-0";

fn job_spec() -> Value {
    value!({"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "c", "image": "task:1"}],
    }}})
}

fn cronjob(spec: &[(&str, Value)]) -> Value {
    let mut cronjob = value!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick", "namespace": "default"},
        "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": job_spec()}},
    });
    for (field, wanted) in spec {
        cronjob.set(&["spec", field], wanted);
    }
    cronjob
}

/// Makes a cluster with one node in which an object is created after five seconds; `forever` lets tasks never end.
fn cluster(seed: u64, object: Value, forever: bool) -> Cluster {
    let version = KubernetesVersion::parse("1.36").expect("known");
    let mut config = ClusterConfig::new(version, sim::Config::with_seed(seed));
    config.nodes = vec![NodeConfig::new("n", "v1.36.3")];
    let mut cluster = Cluster::new(config).expect("a cluster");
    if forever {
        let runs = Behaviour { course: Course::Forever, ..Behaviour::default() };
        cluster.world.behaviours.borrow_mut().add(Containers::default(), runs);
    }
    cluster.user("kubectl", move |ctx, client| {
        let object = object.clone();
        async move {
            ctx.sleep_until(Instant::from_secs(5)).await;
            let resource = if object.kind() == "Job" { &kinds::JOBS } else { &kinds::CRONJOBS };
            client.create(resource, &object).await.expect("created");
        }
    });
    cluster
}

fn jobs(cluster: &Cluster) -> Vec<Value> {
    cluster.world.snapshot().list(&kinds::JOBS.group_resource(), None).cloned().collect()
}

fn minutes(n: u64) -> Instant {
    Instant::from_secs(60 * n + 30)
}

fn tick(cluster: &Cluster) -> Value {
    let snapshot = cluster.world.snapshot();
    snapshot.get(&kinds::CRONJOBS.group_resource(), "default", "tick").expect("it is there").clone()
}

#[test]
fn each_minute_has_its_job_and_the_oldest_go() {
    let limits = [("successfulJobsHistoryLimit", value!(2))];
    let mut cluster = cluster(1, cronjob(&limits), false);
    cluster.sim.run_until(minutes(10));
    let left = jobs(&cluster);
    assert!((2..=3).contains(&left.len()), "two that have ended, and perhaps one that runs: {}", left.len());
    let pods = cluster.world.snapshot().count(&kinds::PODS.group_resource());
    assert!(pods <= 3, "their pods went with the others: {pods}");
    assert!(!tick(&cluster)["status"]["lastSuccessfulTime"].is_null());
}

#[test]
fn the_time_of_a_job_is_told_by_the_clocks_of_its_zone() {
    let mut cluster = cluster(6, cronjob(&[("timeZone", value!("Asia/Kolkata"))]), false);
    cluster.sim.run_until(minutes(1));
    let told =
        jobs(&cluster)[0].annotation("batch.kubernetes.io/cronjob-scheduled-timestamp").map(str::to_owned);
    assert_eq!(told.as_deref(), Some("2026-01-01T05:31:00+05:30"));
}

#[test]
fn a_job_whose_creation_was_never_answered_is_not_made_again() {
    let mut cluster = cluster(2, cronjob(&[]), true);
    cluster.sim.run_until(Instant::from_secs(20));
    let lost = Fault::LoseResponse { target: Target::new(MANAGER, "jobs.batch"), ppm: 1_000_000 };
    let fault = cluster.fault(lost);
    cluster.sim.run_until(minutes(2));
    cluster.world.faults.borrow_mut().remove(fault);
    cluster.sim.run_until(minutes(6));
    let made = jobs(&cluster);
    let times: BTreeSet<&str> = made
        .iter()
        .filter_map(|job| job.annotation("batch.kubernetes.io/cronjob-scheduled-timestamp"))
        .collect();
    assert_eq!(times.len(), made.len(), "no time has two Jobs");
    assert!((6..=7).contains(&made.len()), "each minute has one: {}", made.len());
    // Those that were made and not answered before the next time came are never noted, upstream neither.
    let noted = tick(&cluster)["status"]["active"].items().len();
    assert!((3..made.len()).contains(&noted), "{noted} of {} are noted", made.len());
}

#[test]
fn after_a_long_absence_only_the_last_time_is_made_up_for() {
    let mut cluster = cluster(3, cronjob(&[]), true);
    cluster.sim.run_until(minutes(1));
    let before = jobs(&cluster).len();
    let control = cluster.sim.control().clone();
    let manager = control.find(MANAGER).expect("it runs");
    control.crash(manager, CrashKind::Process);
    control.restart(manager, Duration::from_secs(600));
    cluster.sim.run_until(Instant::from_secs(60 + 30 + 600 + 25));
    let after = jobs(&cluster).len();
    assert!((1..=2).contains(&(after - before)), "ten times were missed, {} Jobs were made", after - before);
}

fn check_policy(policy: &str, expected: usize) {
    let mut cluster = cluster(4, cronjob(&[("concurrencyPolicy", value!(policy))]), true);
    cluster.sim.run_until(minutes(4));
    let made = jobs(&cluster);
    let running = made.iter().filter(|job| !job.is_deleting()).count();
    assert!((expected..=expected + 1).contains(&running), "{policy}: {running}");
}

#[test]
fn jobs_that_do_not_end_wait_for_each_other_or_not() {
    check_policy("Allow", 4);
    check_policy("Forbid", 1);
    check_policy("Replace", 1);
}

#[test]
fn an_ended_job_goes_with_its_pods_when_its_time_is_over_and_no_sooner() {
    let job = value!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once", "namespace": "default"},
        "spec": job_spec().with(&["ttlSecondsAfterFinished"], 100),
    });
    let mut cluster = cluster(5, job, false);
    cluster.sim.run_until(Instant::from_secs(60));
    assert_eq!(jobs(&cluster)[0].condition("Complete")["status"], "True");
    // The controllers do not see that the time was made longer.
    let fault = cluster
        .fault(Fault::PauseWatch { target: Target::new(MANAGER, "jobs.batch"), relist: Relist::Frozen });
    cluster.user("later", |_, client| async move {
        let patch = value!({"spec": {"ttlSecondsAfterFinished": 400}});
        client.merge_patch(&kinds::JOBS, "default", "once", "", patch).await.expect("patched");
    });
    cluster.sim.run_until(Instant::from_secs(300));
    assert_eq!(jobs(&cluster).len(), 1, "the API knows better");
    cluster.sim.run_until(Instant::from_secs(600));
    assert!(jobs(&cluster).iter().all(ObjectExt::is_deleting), "its time is over");
    cluster.world.faults.borrow_mut().remove(fault);
    cluster.sim.run_until(Instant::from_secs(700));
    let pods = cluster.world.snapshot().count(&kinds::PODS.group_resource());
    assert_eq!((jobs(&cluster).len(), pods), (0, 0), "it waits for its pods");
}

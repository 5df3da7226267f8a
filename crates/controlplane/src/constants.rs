//! Every timer, batch size, rate limit and channel size of the real components, in one table with its source.
//!
//! Nothing here is tuned: a value differs from upstream only where `docs/DIVERGENCE.md` says so.

use std::time::Duration;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// After this long an unmet expectation counts as met (`pkg/controller/controller_utils.go`, `ExpectationsTimeout`).
pub const EXPECTATIONS_TIMEOUT: Duration = secs(5 * 60);
/// The most pods a ReplicaSet creates or deletes in one sync (`pkg/controller/replicaset/replica_set.go`, `BurstReplicas`).
pub const REPLICASET_BURST: usize = 500;
/// The most pods a DaemonSet creates or deletes in one sync (`pkg/controller/daemon/daemon_controller.go`, `BurstReplicas`).
pub const DAEMONSET_BURST: usize = 250;
/// Workers of the DaemonSet controller (`ConcurrentDaemonSetSyncs`, `pkg/controller/daemon/config/v1alpha1/defaults.go`).
pub const DAEMONSET_WORKERS: usize = 2;
/// First pause between the deletions of a node's failed daemon pods (`cmd/kube-controller-manager/app/apps.go`).
pub const FAILED_DAEMON_POD_BACKOFF_MIN: Duration = secs(1);
/// Longest pause between them (same file).
pub const FAILED_DAEMON_POD_BACKOFF_MAX: Duration = secs(15 * 60);
/// The most pods a Job creates in one sync (`pkg/controller/job/job_controller.go`, `MaxPodCreateDeletePerSync`).
pub const JOB_BURST: usize = 500;
/// The largest batch in which a parallel StatefulSet's pods are treated
/// (`pkg/controller/statefulset/stateful_set_control.go`, `MaxBatchSize`).
pub const STATEFULSET_BATCH_MAX: usize = 500;
/// How long a Job's sync waits for more pod events (`pkg/controller/job/job_controller.go`, `SyncJobBatchPeriod`).
pub const JOB_SYNC_BATCH_PERIOD: Duration = secs(1);
/// First pause before a Job's failed sync is tried again (same file, `DefaultJobApiBackOff`).
pub const JOB_API_BACKOFF_MIN: Duration = secs(1);
/// Longest such pause (same file, `MaxJobApiBackOff`).
pub const JOB_API_BACKOFF_MAX: Duration = secs(60);
/// First pause before a Job's failed pod is replaced (same file, `DefaultJobPodFailureBackOff`).
pub const JOB_POD_BACKOFF_MIN: Duration = secs(10);
/// Longest such pause (same file, `MaxJobPodFailureBackOff`).
pub const JOB_POD_BACKOFF_MAX: Duration = secs(10 * 60);
/// The most pods that a Job's status lists as ended and not counted (same file, `MaxUncountedPods`).
pub const JOB_UNCOUNTED_MAX: usize = 500;
/// How long a pod may take to be deleted after its eviction was granted (`pkg/controller/disruption/disruption.go`,
/// `DeletionTimeout`).
pub const DISRUPTED_POD_TIMEOUT: Duration = secs(2 * 60);
/// How long a pod may announce a disruption that does not come (same file, `stalePodDisruptionTimeout`).
pub const STALE_DISRUPTION_TIMEOUT: Duration = secs(2 * 60);
/// The first batch of a slow start (`pkg/controller/controller_utils.go`, `SlowStartInitialBatchSize`).
pub const SLOW_START_INITIAL_BATCH: usize = 1;
/// How often a Deployment's sync is tried again (`pkg/controller/deployment/deployment_controller.go`, `maxRetries`).
pub const DEPLOYMENT_RETRIES_MAX: u32 = 15;
/// First back-off of a service whose slices could not be written (`pkg/controller/endpointslice`, `defaultSyncBackOff`).
pub const ENDPOINTSLICE_BACKOFF_MIN: Duration = secs(1);
/// Longest back-off of such a service (same file, `maxSyncBackOff`).
pub const ENDPOINTSLICE_BACKOFF_MAX: Duration = secs(1000);
/// How often such a service is tried again (same file, `maxRetries`).
pub const ENDPOINTSLICE_RETRIES_MAX: u32 = 15;
/// Workers of each workload controller (`--concurrent-replicaset-syncs` and its like).
pub const WORKERS: usize = 5;

/// Workers of the CronJob controller (`ConcurrentCronJobSyncs`, `pkg/controller/cronjob/config/v1alpha1/defaults.go`).
pub const CRONJOB_WORKERS: usize = 5;
/// How much later than scheduled a CronJob is looked at, since clocks differ
/// (`pkg/controller/cronjob/cronjob_controllerv2.go`, `nextScheduleDelta`).
pub const CRONJOB_SCHEDULE_DELTA: Duration = ms(100);
/// Workers of the TTL-after-finished controller (`ConcurrentTTLSyncs`,
/// `pkg/controller/ttlafterfinished/config/v1alpha1/defaults.go`).
pub const TTL_AFTER_FINISHED_WORKERS: usize = 5;
/// Workers of each of the garbage collector's two queues (`--concurrent-gc-syncs`).
pub const GC_WORKERS: usize = 20;
/// How much faster than other controllers the garbage collector may ask: each deletion takes two requests
/// (`cmd/kube-controller-manager/app/core.go`, `newGarbageCollectorController`).
pub const GC_QPS_FACTOR: f64 = 2.0;
/// How long the garbage collector waits for all its informers before it begins without some (same file).
pub const GC_SYNC_TIMEOUT: Duration = secs(30);
/// Owners that are known not to exist (`pkg/controller/garbagecollector/graph_builder.go`, `NewReferenceCache`).
pub const GC_ABSENT_OWNERS_MAX: usize = 500;

/// Workers of the namespace controller (`ConcurrentNamespaceSyncs`, `pkg/controller/namespace/config/v1alpha1`).
pub const NAMESPACE_WORKERS: usize = 10;
/// How often the namespace controller is shown all namespaces again (`NamespaceSyncPeriod`, same file).
pub const NAMESPACE_RESYNC: Duration = secs(5 * 60);
/// How long a namespace's deletion is left to become known before anything is done
/// (`pkg/controller/namespace/namespace_controller.go`, `namespaceDeletionGracePeriod`).
pub const NAMESPACE_DELETION_GRACE: Duration = secs(5);
/// Longest back-off of a namespace whose content could not be deleted (same file, `nsControllerRateLimiter`).
pub const NAMESPACE_BACKOFF_MAX: Duration = secs(60);
/// How long objects with finalizers are thought to take (`deletion/namespaced_resources_deleter.go`,
/// `finalizerEstimateSeconds`).
pub const NAMESPACE_FINALIZER_ESTIMATE_S: u64 = 15;
/// How much faster than other controllers the namespace controller may ask (`cmd/kube-controller-manager/app/core.go`).
pub const NAMESPACE_QPS_FACTOR: f64 = 20.0;
/// How much larger its burst is (same file).
pub const NAMESPACE_BURST_FACTOR: f64 = 100.0;

/// Workers of each of the resource quota controller's two queues (`ConcurrentResourceQuotaSyncs`,
/// `pkg/controller/resourcequota/config/v1alpha1/defaults.go`).
pub const QUOTA_WORKERS: usize = 5;
/// How often the usage of all quotas is computed anew (`ResourceQuotaSyncPeriod`, same file).
pub const QUOTA_RESYNC: Duration = secs(5 * 60);

/// First pause of a write that is tried again after a conflict (client-go `util/retry`, `DefaultBackoff`).
pub const RETRY_BACKOFF_PAUSE: Duration = ms(10);
/// How much longer each such pause is than the one before (same file).
pub const RETRY_BACKOFF_FACTOR: u32 = 5;
/// How often such a write is tried (same file).
pub const RETRY_BACKOFF_TRIES: u32 = 4;

/// First delay of the per-item back-off (client-go `util/workqueue/default_rate_limiters.go`).
pub const WORKQUEUE_BASE_DELAY: Duration = ms(5);
/// Longest delay of the per-item back-off (same file).
pub const WORKQUEUE_MAX_DELAY: Duration = secs(1000);
/// Rate of the queue-wide token bucket, per second (same file).
pub const WORKQUEUE_QPS: f64 = 10.0;
/// Burst of the queue-wide token bucket (same file).
pub const WORKQUEUE_BURST: f64 = 100.0;

/// Requests per second of each client of the controller manager (`--kube-api-qps`).
pub const KCM_QPS: f64 = 20.0;
/// Burst of each client of the controller manager (`--kube-api-burst`).
pub const KCM_BURST: f64 = 30.0;
/// Requests per second of the scheduler's client and of kubelets (`clientConnection.qps`, `kubeAPIQPS`).
pub const NODE_QPS: f64 = 50.0;
/// Burst of the scheduler's client and of kubelets.
pub const NODE_BURST: f64 = 100.0;

/// Silence after which an HTTP/2 client sends a ping (`k8s.io/apimachinery/pkg/util/net/http.go`).
pub const HTTP2_READ_IDLE: Duration = secs(30);
/// How long it then waits before it gives the connection up (same file).
pub const HTTP2_PING_TIMEOUT: Duration = secs(15);
/// How long a TCP connection may take to be made (client-go `transport/cache.go`, dial timeout).
pub const DIAL_TIMEOUT: Duration = secs(30);
/// The API server's limit for one request (`--request-timeout`).
pub const REQUEST_TIMEOUT: Duration = secs(60);

/// First relist back-off (client-go `tools/cache/reflector.go`).
pub const REFLECTOR_BACKOFF_MIN: Duration = ms(800);
/// Longest relist back-off (same file).
pub const REFLECTOR_BACKOFF_MAX: Duration = secs(30);
/// Quiet time after which the relist back-off starts over (same file).
pub const REFLECTOR_BACKOFF_RESET: Duration = secs(120);
/// Shortest timeout a reflector asks a watch to have; the longest is twice this (same file, `minWatchTimeout`).
pub const WATCH_TIMEOUT_MIN: Duration = secs(5 * 60);
/// A watch that ends sooner than this without an event is a "very short watch" (same file).
pub const VERY_SHORT_WATCH: Duration = secs(1);
/// The most deltas a FIFO hands over at once (client-go `tools/cache`, `InOrderInformersBatchProcess`).
pub const FIFO_BATCH_MAX: usize = 1000;
/// Shortest resync period of the controller manager's informers; each draws one from here to twice it (`--min-resync-period`).
pub const RESYNC_MIN: Duration = secs(12 * 3600);

/// Window of history each watch cache keeps, while its ring may still grow (`storage/cacher/watch_cache.go`).
pub const WATCH_CACHE_WINDOW: Duration = secs(75);
/// The ring's smallest capacity (same file).
pub const WATCH_CACHE_CAPACITY_MIN: usize = 100;
/// The ring's largest capacity (same file).
pub const WATCH_CACHE_CAPACITY_MAX: usize = 102_400;
/// Least buffered events of one watcher (same folder, `cacher.go`).
pub const WATCHER_CHANNEL_MIN: usize = 10;
/// Most buffered events of a watcher that no index serves (same file).
pub const WATCHER_CHANNEL_MAX: usize = 100;
/// Most buffered events of a watcher of an indexed resource without a trigger (same file).
pub const WATCHER_CHANNEL_MAX_INDEXED: usize = 1000;
/// The most time one dispatch may wait for blocked watchers (`storage/cacher/time_budget.go`).
pub const DISPATCH_BUDGET_MAX: Duration = ms(100);
/// What the dispatch budget regains each second (same file).
pub const DISPATCH_BUDGET_REFILL_PER_SECOND: Duration = ms(50);
/// How often bookmarks are considered (`cacher.go`, `bookmarkFrequency` and its ticker).
pub const BOOKMARK_TICK: Duration = secs(1);
/// How often an idle watcher gets a bookmark (same file).
pub const BOOKMARK_PERIOD: Duration = secs(60);
/// How long before its deadline a watcher gets its last bookmark (same file).
pub const BOOKMARK_BEFORE_DEADLINE: Duration = secs(2);
/// How long a read waits for a revision that the cache has not seen (`watch_cache.go`, `blockTimeout`).
pub const READ_WAIT: Duration = secs(3);
/// How often progress is asked for while a consistent read waits (`storage/cacher/lister_watcher.go`, KEP-2340).
pub const PROGRESS_REQUEST_PERIOD: Duration = ms(100);
/// How often etcd notifies idle watches of its progress (`--watch-progress-notify-interval`).
pub const PROGRESS_NOTIFY_PERIOD: Duration = secs(5);
/// How often the API server compacts etcd (`--etcd-compaction-interval`).
pub const COMPACTION_PERIOD: Duration = secs(5 * 60);
/// Server-side timeout of a watch that names none; the longest is twice this (`--min-request-timeout`).
pub const MIN_REQUEST_TIMEOUT: Duration = secs(1800);
/// Pause before a cacher whose etcd watch broke starts anew (`storage/cacher/cacher.go`).
pub const CACHE_RESTART_PAUSE: Duration = secs(1);

/// How often a controller manager asks whether the API server is there before it starts
/// (`k8s.io/controller-manager/app/helper.go`, `WaitForAPIServer`).
pub const SERVER_POLL: Duration = secs(1);

/// Duration of a leader's lease (`--leader-elect-lease-duration`).
pub const LEASE_DURATION: Duration = secs(15);
/// How long a leader tries to renew before it gives up (`--leader-elect-renew-deadline`).
pub const RENEW_DEADLINE: Duration = secs(10);
/// Pause between the tries of leader election (`--leader-elect-retry-period`).
pub const RETRY_PERIOD: Duration = secs(2);
/// Jitter factor when acquiring a lease (client-go `tools/leaderelection`, `JitterFactor`).
pub const LEASE_JITTER: f64 = 1.2;

/// How often a kubelet renews its node's lease (a quarter of `nodeLeaseDurationSeconds`).
pub const NODE_LEASE_RENEW: Duration = secs(10);
/// `leaseDurationSeconds` of a node's lease.
pub const NODE_LEASE_DURATION: Duration = secs(40);
/// How often a kubelet computes its node's status (`nodeStatusUpdateFrequency`).
pub const NODE_STATUS_UPDATE: Duration = secs(10);
/// How often a kubelet reports an unchanged node's status (`nodeStatusReportFrequency`).
pub const NODE_STATUS_REPORT: Duration = secs(5 * 60);
/// How often a kubelet looks whether it must evict pods (`evictionMonitoringPeriod` in `pkg/kubelet/kubelet.go`).
pub const EVICTION_MONITOR: Duration = secs(10);
/// The memory that must be left on a node (`memory.available` of `evictionHard`).
pub const EVICTION_MEMORY_BYTES: i64 = 100 << 20;
/// The part of a node's disk that must be left (`nodefs.available` of `evictionHard`).
pub const EVICTION_DISK_PERCENT: i64 = 10;
/// How long a node shows pressure after it ended (`evictionPressureTransitionPeriod`).
pub const EVICTION_PRESSURE_TRANSITION: Duration = secs(5 * 60);
/// How long an evicted pod is waited for before the next is chosen (`podCleanupTimeout`).
pub const EVICTION_CLEANUP_MAX: Duration = secs(30);
/// The grace of a pod that is evicted (`immediateEvictionGracePeriodSeconds`).
pub const EVICTION_GRACE: Duration = secs(1);
/// How often node lifecycle looks at the nodes (`--node-monitor-period`).
pub const NODE_MONITOR_PERIOD: Duration = secs(5);
/// Silence after which a node is Unknown (`--node-monitor-grace-period`; 50 s since kubernetes#126287).
pub const NODE_MONITOR_GRACE: Duration = secs(50);
/// The same for a node that was never heard of (`--node-startup-grace-period`).
pub const NODE_STARTUP_GRACE: Duration = secs(60);
/// Nodes evicted per second in a healthy zone (`--node-eviction-rate`).
pub const NODE_EVICTION_QPS: f64 = 0.1;
/// The same in an unhealthy zone of a large cluster (`--secondary-node-eviction-rate`).
pub const NODE_EVICTION_QPS_SECONDARY: f64 = 0.01;
/// Share of unready nodes above which a zone is unhealthy (`--unhealthy-zone-threshold`).
pub const UNHEALTHY_ZONE_THRESHOLD: f64 = 0.55;
/// Nodes above which a cluster is large (`--large-cluster-size-threshold`).
pub const LARGE_CLUSTER_NODES: usize = 50;

/// How often the pod garbage collector looks (`pkg/controller/podgc/gc_controller.go`).
pub const POD_GC_PERIOD: Duration = secs(20);
/// How long a pod's node must have been gone before a live read decides (same file).
pub const POD_GC_QUARANTINE: Duration = secs(40);
/// Terminated pods kept (`--terminated-pod-gc-threshold`).
pub const POD_GC_THRESHOLD: usize = 12_500;
/// How often the volume binder looks at all claims and volumes (`persistentvolume`, `PVClaimBinderSyncPeriod`).
pub const VOLUME_RESYNC: Duration = secs(15);
/// First back-off of an operation on a volume that failed (`pkg/util/goroutinemap/exponentialbackoff`).
pub const VOLUME_OPERATION_BACKOFF_MIN: Duration = ms(500);
/// Longest back-off of such an operation (same file).
pub const VOLUME_OPERATION_BACKOFF_MAX: Duration = secs(122);
/// Requests per second of a provisioner's client (`--kube-api-qps` of the CSI sidecars).
pub const PROVISIONER_QPS: f64 = 5.0;
/// Burst of a provisioner's client (`--kube-api-burst` of the CSI sidecars).
pub const PROVISIONER_BURST: f64 = 10.0;
/// First pause before a provisioner tries again (`--retry-interval-start` of external-provisioner).
pub const PROVISIONER_RETRY_MIN: Duration = secs(1);
/// Longest pause before a provisioner tries again (`--retry-interval-max` of external-provisioner).
pub const PROVISIONER_RETRY_MAX: Duration = secs(5 * 60);
/// Pause between two rounds of attach/detach (`pkg/controller/volume/attachdetach/attach_detach_controller.go`,
/// `ReconcilerLoopPeriod`).
pub const ATTACH_RECONCILE_PERIOD: Duration = ms(100);
/// How long attach/detach waits for an unmount before it forces the detach (same file,
/// `ReconcilerMaxWaitForUnmountDuration`).
pub const FORCE_DETACH: Duration = secs(6 * 60);
/// How often attach/detach looks for pods that are gone (same file, `DesiredStateOfWorldPopulatorLoopSleepPeriod`).
pub const ATTACH_POPULATE_PERIOD: Duration = secs(60);
/// How often it looks at all pods (same file, `DesiredStateOfWorldPopulatorListPodsRetryDuration`).
pub const ATTACH_LIST_PODS_PERIOD: Duration = secs(3 * 60);
/// How often it verifies that what it holds to be attached is (`--attach-detach-reconcile-sync-period`).
pub const ATTACH_VERIFY_PERIOD: Duration = secs(60);
/// How long an attach or a detach may take (`pkg/volume/csi/csi_plugin.go`, `csiTimeout`).
pub const CSI_TIMEOUT: Duration = secs(2 * 60);
/// First pause between two looks at a VolumeAttachment (`pkg/volume/csi/csi_attacher.go`, `initBackoff`).
pub const CSI_POLL_MIN: Duration = ms(500);
/// Longest such pause (same file, `maxBackoff`).
pub const CSI_POLL_MAX: Duration = secs(7);
/// By how much that pause grows each time (same file, `backoffFactor`).
pub const CSI_POLL_FACTOR: f64 = 1.05;
/// By how much it may be longer by chance (same file, `jitter`).
pub const CSI_POLL_JITTER: f64 = 0.1;
/// Requests per second of an attacher's client (`--kube-api-qps` of external-attacher).
pub const ATTACHER_QPS: f64 = 5.0;
/// Burst of an attacher's client (`--kube-api-burst` of external-attacher).
pub const ATTACHER_BURST: f64 = 10.0;
/// How long a CSI driver may take over a call (`--timeout` of external-attacher).
pub const ATTACHER_TIMEOUT: Duration = secs(15);
/// First pause before an attacher tries again (`--retry-interval-start` of external-attacher).
pub const ATTACHER_RETRY_MIN: Duration = secs(1);
/// Longest pause before an attacher tries again (`--retry-interval-max` of external-attacher).
pub const ATTACHER_RETRY_MAX: Duration = secs(5 * 60);

/// How long the scheduler waits for a pod's claims to be bound (`bindTimeoutSeconds`).
pub const VOLUME_BIND_TIMEOUT: Duration = secs(600);
/// Nodes below which a scheduler looks at all of them (`pkg/scheduler/schedule_one.go`, `minFeasibleNodesToFind`).
pub const SCHEDULER_FEASIBLE_MIN: usize = 100;
/// The share of feasible nodes that is enough in a cluster of few (same file, `numFeasibleNodesToFind`).
pub const SCHEDULER_FEASIBLE_PERCENT_MAX: usize = 50;
/// The least such share (same file, `minFeasibleNodesPercentageToFind`).
pub const SCHEDULER_FEASIBLE_PERCENT_MIN: usize = 5;
/// How many more nodes make the share smaller by one (same file).
pub const SCHEDULER_NODES_PER_PERCENT: usize = 125;
/// First back-off of an unschedulable pod (`podInitialBackoffSeconds`).
pub const SCHEDULER_BACKOFF_MIN: Duration = secs(1);
/// Longest back-off of an unschedulable pod (`podMaxBackoffSeconds`).
pub const SCHEDULER_BACKOFF_MAX: Duration = secs(10);
/// Longest stay among the unschedulable (`pkg/scheduler/backend/queue`, 5 min).
pub const SCHEDULER_FLUSH_AFTER: Duration = secs(5 * 60);
/// How often that is checked (same file).
pub const SCHEDULER_FLUSH_PERIOD: Duration = secs(30);

/// First back-off of a container that ends (`pkg/kubelet`, `backOffPeriod`).
pub const CONTAINER_BACKOFF_MIN: Duration = secs(10);
/// Longest back-off of a container that ends (`MaxContainerBackOff`).
pub const CONTAINER_BACKOFF_MAX: Duration = secs(5 * 60);
/// A container that ran this long starts its back-off anew (twice the longest).
pub const CONTAINER_BACKOFF_RESET: Duration = secs(10 * 60);

/// The least time between two rounds of a node proxy's programming (`iptables.minSyncPeriod` of its configuration).
pub const PROXY_SYNC_PERIOD: Duration = secs(1);
/// The same of ingress-nginx (`--sync-rate-limit`, 0.3 a second).
pub const INGRESS_SYNC_PERIOD: Duration = ms(3_333);
/// How long one round of programming takes, between writing some rules and a reload.
pub const DATA_PLANE_PROGRAM_MIN: Duration = ms(20);
/// The longest that one round of programming takes.
pub const DATA_PLANE_PROGRAM_MAX: Duration = ms(300);

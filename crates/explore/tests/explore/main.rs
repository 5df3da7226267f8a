//! Scenarios, runs, campaigns and replay as users see them.

mod campaigns;
mod faults;
mod k8s_107457;
mod k8s_120328;
mod k8s_121793;
mod k8s_129795;
mod k8s_134937;
mod missed_add;
mod reading;
mod runs;
mod storm;

use explore::{Keep, Run, ScenarioFile, Settings};

/// Reads a scenario whose version, kind and name are given.
#[track_caller]
fn scenario(body: &str) -> ScenarioFile {
    let text =
        format!("apiVersion: seaworthy.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: test}}\n{body}");
    let no_files = |path: &str| Err(format!("{path}: no files here"));
    ScenarioFile::parse("test.yaml", &text, &no_files).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a scenario as it is.
#[track_caller]
fn run(body: &str, seed: u64) -> Run {
    explore::run(&scenario(body), &Settings::default(), seed, &Keep::default()).unwrap()
}

/// A ReplicaSet of three pods, and nothing that goes wrong.
const CALM: &str = r"
topology: {controllers: [replicaset-controller], schedulers: 0, kubelets: false, provisioner: false}
objects:
- apiVersion: apps/v1
  kind: ReplicaSet
  metadata: {name: web}
  spec:
    replicas: 3
    selector: {matchLabels: {app: web}}
    template:
      metadata: {labels: {app: web}}
      spec: {containers: [{name: web, image: web}]}
deadlines: {faultsStop: 30s, liveness: 1m}
";

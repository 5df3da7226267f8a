//! What properties say about runs made by hand.

mod kinds;
mod replicaset_pods_bounded;
mod rules;
mod run;

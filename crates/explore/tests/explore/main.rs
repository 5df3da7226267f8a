//! Scenarios, runs, campaigns and replay as users see them.

mod k8s_129795;
mod missed_add;

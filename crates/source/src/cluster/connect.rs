//! From kubeconfigs to an address with credentials.

use super::Access;
use crate::SourceError;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use std::path::Path;

/// Where to connect to, and what it is called.
pub(super) struct Target {
    pub config: Config,
    pub context: String,
}

/// Reads the kubeconfigs and chooses the context.
pub(super) async fn target(access: &Access) -> Result<Target, SourceError> {
    let existing: Vec<&Path> = access
        .kubeconfigs
        .iter()
        .map(std::path::PathBuf::as_path)
        .filter(|path| access.all_must_exist || path.exists())
        .collect();
    if existing.is_empty() {
        return in_cluster(access);
    }
    let names: Vec<String> = existing.iter().map(|path| path.display().to_string()).collect();
    let path = names.join(", ");
    let mut kubeconfig = Kubeconfig::default();
    for file in existing {
        if !file.exists() {
            return Err(SourceError::NoSuchPath { path: file.to_owned() });
        }
        let next =
            Kubeconfig::read_from(file).map_err(|error| broken(&file.display().to_string(), &error))?;
        kubeconfig = kubeconfig.merge(next).map_err(|error| broken(&path, &error))?;
    }
    let known: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    let current = kubeconfig.current_context.clone().filter(|name| !name.is_empty());
    let Some(context) = access.context.clone().or(current) else {
        return Err(SourceError::NoCurrentContext { path, known });
    };
    if !known.contains(&context) {
        return Err(SourceError::NoSuchContext { path, context, known });
    }
    let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    Ok(Target { config: config.map_err(|error| broken(&path, &error))?, context })
}

fn in_cluster(access: &Access) -> Result<Target, SourceError> {
    if !access.in_cluster || access.context.is_some() {
        return Err(SourceError::NoKubeconfig { looked: access.kubeconfigs.clone() });
    }
    let wrong = |error: kube::config::InClusterError| SourceError::Kubeconfig {
        path: "of the pod's service account".to_owned(),
        reason: error.to_string(),
    };
    Ok(Target { config: Config::incluster().map_err(wrong)?, context: "in-cluster".to_owned() })
}

fn broken(path: &str, error: &KubeconfigError) -> SourceError {
    // What follows the first line quotes the file, which may hold secrets.
    let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
    SourceError::Kubeconfig { path: path.to_owned(), reason }
}

//! What the tree costs, beside `serde_json::Value` and k8s-openapi's `Pod`, on a pod of 6 KB.
//!
//! `cargo bench -p seaworthy-bench --bench object`.

use bench::{TEMPLATE_COUNT, pod_json};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use k8s_openapi::api::core::v1::Pod;
use object::{Pool, Value, diff, from_value, json, to_value, value, yaml};
use std::sync::LazyLock;

type Json = serde_json::Value;

static TEXT: LazyLock<String> = LazyLock::new(|| pod_json(7));
static TREE: LazyLock<Value> = LazyLock::new(|| json::parse(TEXT.as_bytes()).expect("it is JSON"));
static JSON: LazyLock<Json> = LazyLock::new(|| serde_json::from_str(&TEXT).expect("it is JSON"));
static POD: LazyLock<Pod> = LazyLock::new(|| serde_json::from_str(&TEXT).expect("it is a pod"));

fn main() {
    divan::main();
}

mod parse {
    use super::*;

    #[divan::bench]
    fn tree(bencher: Bencher<'_, '_>) {
        bencher
            .counter(BytesCount::of_str(&*TEXT))
            .bench(|| json::parse(black_box(TEXT.as_bytes())).unwrap());
    }

    /// Finds what other pods have in common with this one, as when a cluster is read.
    #[divan::bench]
    fn tree_then_shared(bencher: Bencher<'_, '_>) {
        let mut pool = Pool::default();
        let _ = pool.share(&json::parse(pod_json(7 + TEMPLATE_COUNT).as_bytes()).unwrap());
        bencher
            .counter(BytesCount::of_str(&*TEXT))
            .bench_local(|| pool.share(&json::parse(black_box(TEXT.as_bytes())).unwrap()));
    }

    #[divan::bench]
    fn serde_json_value(bencher: Bencher<'_, '_>) {
        let parse = || serde_json::from_str::<Json>(black_box(&TEXT)).unwrap();
        bencher.counter(BytesCount::of_str(&*TEXT)).bench(parse);
    }

    #[divan::bench]
    fn k8s_openapi_pod(bencher: Bencher<'_, '_>) {
        let parse = || serde_json::from_str::<Pod>(black_box(&TEXT)).unwrap();
        bencher.counter(BytesCount::of_str(&*TEXT)).bench(parse);
    }
}

mod serialise {
    use super::*;

    #[divan::bench]
    fn tree(bencher: Bencher<'_, '_>) {
        bencher.counter(BytesCount::of_str(&*TEXT)).bench(|| json::to_vec(black_box(&TREE)));
    }

    #[divan::bench]
    fn serde_json_value(bencher: Bencher<'_, '_>) {
        bencher.counter(BytesCount::of_str(&*TEXT)).bench(|| serde_json::to_vec(black_box(&*JSON)).unwrap());
    }

    #[divan::bench]
    fn k8s_openapi_pod(bencher: Bencher<'_, '_>) {
        bencher.counter(BytesCount::of_str(&*TEXT)).bench(|| serde_json::to_vec(black_box(&*POD)).unwrap());
    }
}

/// Makes a new version of the pod that differs in `status.phase`, and keeps the old one.
mod set_one_field {
    use super::*;

    #[divan::bench]
    fn tree(bencher: Bencher<'_, '_>) {
        bencher.bench(|| black_box(&*TREE).clone().with(&["status", "phase"], "Failed"));
    }

    #[divan::bench]
    fn serde_json_value(bencher: Bencher<'_, '_>) {
        bencher.bench(|| {
            let mut new = black_box(&*JSON).clone();
            new["status"]["phase"] = "Failed".into();
            new
        });
    }

    #[divan::bench]
    fn k8s_openapi_pod(bencher: Bencher<'_, '_>) {
        bencher.bench(|| {
            let mut new = black_box(&*POD).clone();
            new.status.get_or_insert_default().phase = Some("Failed".into());
            new
        });
    }
}

/// Finds the one field in which two versions of the pod differ.
mod diff_one_field {
    use super::*;

    #[divan::bench]
    fn tree_changes(bencher: Bencher<'_, '_>) {
        let new = TREE.clone().with(&["status", "phase"], "Failed");
        bencher.bench(|| diff::changes(black_box(&TREE), black_box(&new)).len());
    }

    #[divan::bench]
    fn tree_json_patch(bencher: Bencher<'_, '_>) {
        let new = TREE.clone().with(&["status", "phase"], "Failed");
        bencher.bench(|| diff::json_patch(black_box(&TREE), black_box(&new)));
    }

    /// Of two trees that were parsed apart and share nothing.
    #[divan::bench]
    fn tree_json_patch_unshared(bencher: Bencher<'_, '_>) {
        let new: Value = TREE.clone().with(&["status", "phase"], "Failed").to_string().parse().unwrap();
        bencher.bench(|| diff::json_patch(black_box(&TREE), black_box(&new)));
    }

    #[divan::bench]
    fn serde_json_value(bencher: Bencher<'_, '_>) {
        let mut new = JSON.clone();
        new["status"]["phase"] = "Failed".into();
        bencher.bench(|| json_patch::diff(black_box(&JSON), black_box(&new)));
    }

    /// Only tells whether they differ: there is no difference of typed structs to be had.
    #[divan::bench]
    fn k8s_openapi_pod_equality(bencher: Bencher<'_, '_>) {
        let mut new = POD.clone();
        new.status.get_or_insert_default().phase = Some("Failed".into());
        bencher.bench(|| black_box(&*POD) == black_box(&new));
    }
}

mod clone {
    use super::*;

    #[divan::bench]
    fn tree(bencher: Bencher<'_, '_>) {
        bencher.bench(|| black_box(&*TREE).clone());
    }

    #[divan::bench]
    fn serde_json_value(bencher: Bencher<'_, '_>) {
        bencher.bench(|| black_box(&*JSON).clone());
    }

    #[divan::bench]
    fn k8s_openapi_pod(bencher: Bencher<'_, '_>) {
        bencher.bench(|| black_box(&*POD).clone());
    }
}

mod read_one_field {
    use super::*;

    #[divan::bench]
    fn tree(bencher: Bencher<'_, '_>) {
        bencher.bench(|| black_box(&*TREE)["status"]["containerStatuses"][0]["restartCount"].int());
    }

    #[divan::bench]
    fn serde_json_value(bencher: Bencher<'_, '_>) {
        bencher.bench(|| black_box(&*JSON)["status"]["containerStatuses"][0]["restartCount"].as_i64());
    }
}

mod convert {
    use super::*;

    #[divan::bench]
    fn tree_to_pod(bencher: Bencher<'_, '_>) {
        bencher.bench(|| from_value::<Pod>(black_box(&TREE)).unwrap());
    }

    #[divan::bench]
    fn pod_to_tree(bencher: Bencher<'_, '_>) {
        bencher.bench(|| to_value(black_box(&*POD)).unwrap());
    }

    #[divan::bench]
    fn serde_json_value_to_pod(bencher: Bencher<'_, '_>) {
        bencher
            .with_inputs(|| JSON.clone())
            .bench_values(|json| serde_json::from_value::<Pod>(json).unwrap());
    }

    #[divan::bench]
    fn pod_to_serde_json_value(bencher: Bencher<'_, '_>) {
        bencher.bench(|| serde_json::to_value(black_box(&*POD)).unwrap());
    }
}

mod big_list {
    use super::*;

    /// A List of 50 MB, as `kubectl get pods -A -o yaml` of 5,000 pods gives it.
    #[divan::bench(sample_count = 3, sample_size = 1)]
    fn yaml(bencher: Bencher<'_, '_>) {
        let items: Vec<Value> = (0..5_000).map(|number| pod_json(number).parse().unwrap()).collect();
        let text = yaml::to_string(&value!({"apiVersion": "v1", "kind": "List", "items": items}));
        bencher.counter(BytesCount::of_str(&text)).bench(|| yaml::parse(black_box(&text)).unwrap());
    }

    #[divan::bench(sample_count = 3, sample_size = 1)]
    fn json(bencher: Bencher<'_, '_>) {
        let items: Vec<Value> = (0..5_000).map(|number| pod_json(number).parse().unwrap()).collect();
        let text = json::to_string_pretty(&value!({"apiVersion": "v1", "kind": "List", "items": items}));
        bencher.counter(BytesCount::of_str(&text)).bench(|| json::parse(black_box(text.as_bytes())).unwrap());
    }
}

//! A shop: an ordinary cluster of which everything is known, because it was planned.
//!
//! The plan follows from a seed: names, sizes, which faults strike and what only looks sick. It must never say what a
//! status shows; that comes of running it.

mod defects;
mod draw;
mod lookalikes;
mod objects;

pub use defects::Defect;
pub use lookalikes::Lookalike;

use crate::act::{Act, Deed};
use controlplane::NodeConfig;
use draw::Draw;
use object::{Value, value};
use objects::Pool;
use report::{Finding, ObjectRef};
use std::time::Duration;

/// The namespace of what the platform team runs.
pub(crate) const PLATFORM: &str = "platform";
/// When new versions are released.
pub(crate) const RELEASES: Duration = minutes(26);
/// When the look at the cluster is taken, at the earliest.
pub(crate) const LOOK: Duration = minutes(88);
/// The longest pause before a container is started again; kubelets may be configured so since Kubernetes 1.32
/// (`crashLoopBackOff.maxContainerRestartPeriod`, KEP-4603).
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(60);

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// A finding that must be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The finding's code.
    pub code: &'static str,
    /// The kind of an object that it must name.
    pub kind: &'static str,
    /// That object's namespace, empty for none.
    pub namespace: String,
    /// That object's name.
    pub name: String,
}

impl Expected {
    fn of_deployment(code: &'static str, shop: &Shop, name: &str) -> Self {
        Self { code, kind: "Deployment", namespace: shop.namespace.to_owned(), name: name.to_owned() }
    }

    fn of_service(code: &'static str, shop: &Shop, name: &str) -> Self {
        Self { code, kind: "Service", namespace: shop.namespace.to_owned(), name: name.to_owned() }
    }

    /// Tells whether a finding is the one.
    pub fn is(&self, finding: &Finding) -> bool {
        let is_it = |object: &ObjectRef| {
            object.kind == self.kind && object.namespace == self.namespace && object.name == self.name
        };
        finding.code == self.code && names(finding).any(is_it)
    }
}

/// Gives every object that a finding names.
pub(crate) fn names(finding: &Finding) -> impl Iterator<Item = &ObjectRef> {
    [&finding.object].into_iter().chain(&finding.owner).chain(&finding.affected)
}

/// The plan of a shop.
pub(crate) struct Shop {
    pub(crate) namespace: &'static str,
    pub(crate) host: String,
    web: &'static str,
    web_replicas: i64,
    cart: &'static str,
    checkout: &'static str,
    controller: &'static str,
    search: &'static str,
    promotions: &'static str,
    recommender: &'static str,
    returns: &'static str,
    api: &'static str,
    exporter: &'static str,
    import: &'static str,
    dump: &'static str,
    reindex: &'static str,
    mailer: &'static str,
    scratch: &'static str,
    backoffice: &'static str,
    erp: &'static str,
    newcomer: &'static str,
    database: &'static str,
    database_replicas: i64,
    replica_lost: i64,
    replicas: i64,
    general_nodes: i64,
    node_lost: String,
    /// How often the leaking container must have been killed before the look.
    pub(crate) kills: i64,
    pub(crate) version: String,
    pub(crate) defects: Vec<Defect>,
    pub(crate) lookalikes: Vec<Lookalike>,
}

impl Shop {
    /// Draws the plan of a seed for a Kubernetes version, such as `v1.36.3`.
    pub(crate) fn draw(seed: u64, version: &str) -> Self {
        let draw = Draw::new(seed);
        let namespace = draw.pick("namespace", &["shop", "store", "market", "bazaar"]);
        let database_replicas = draw.number("database-replicas", 2, 4);
        let general_nodes = draw.number("general-nodes", 3, 5);
        let mut shop = Self {
            namespace,
            host: format!("{namespace}.example.com"),
            web: draw.pick("web", &["web", "storefront", "frontend"]),
            web_replicas: draw.number("web-replicas", 6, 14),
            cart: draw.pick("cart", &["cart", "basket", "trolley"]),
            checkout: draw.pick("checkout", &["checkout", "payment", "orders"]),
            controller: draw
                .pick("controller", &["session-controller", "config-controller", "mesh-controller"]),
            search: draw.pick("search", &["search", "finder", "suggest"]),
            promotions: draw.pick("promotions", &["promo", "vouchers", "campaigns"]),
            recommender: draw.pick("recommender", &["recommender", "ranking", "upsell"]),
            returns: draw.pick("returns", &["returns", "refunds", "claims"]),
            api: draw.pick("api", &["api", "gateway", "graphql"]),
            exporter: draw.pick("exporter", &["exporter", "archiver", "ledger"]),
            import: draw.pick("import", &["import", "price-feed", "stock-sync"]),
            dump: draw.pick("dump", &["nightly-dump", "snapshot", "full-backup"]),
            reindex: draw.pick("reindex", &["reindex", "rebuild-cache", "resize-images"]),
            mailer: draw.pick("mailer", &["mailer", "notifier", "newsletter"]),
            scratch: draw.pick("scratch", &["scratch", "spare", "playground"]),
            backoffice: draw.pick("backoffice", &["backoffice", "admin-ui", "batch-ui"]),
            erp: draw.pick("erp", &["erp", "legacy-erp", "warehouse"]),
            newcomer: draw.pick("newcomer", &["wishlist", "reviews", "giftcards"]),
            database: draw.pick("database", &["postgres", "db", "mysql"]),
            database_replicas,
            replica_lost: draw.number("replica-lost", 1, database_replicas.unsigned_abs()) - 1,
            replicas: draw.number("replicas", 2, 3),
            general_nodes,
            node_lost: format!("general-{}", draw.number("node-lost", 0, general_nodes.unsigned_abs() - 1)),
            kills: draw.number("kills", 20, 26),
            version: version.to_owned(),
            defects: Vec::new(),
            lookalikes: Vec::new(),
        };
        let some = defects::SOMETIMES.iter().map(|make| make(&shop)).filter(|defect| draw.is_so(defect.name));
        shop.defects = defects::ALWAYS.iter().map(|make| make(&shop)).chain(some).collect();
        shop.lookalikes = lookalikes::ALL.iter().map(|make| make(&shop)).collect();
        shop
    }

    fn machine(&self, name: &str) -> NodeConfig {
        NodeConfig { restart_pause_max: RESTART_PAUSE_MAX, ..NodeConfig::new(name, &self.version) }
    }

    /// Gives the machines of the beginning.
    pub(crate) fn machines(&self) -> Vec<NodeConfig> {
        let pools =
            [(Pool::General, self.general_nodes), (Pool::Data, self.database_replicas), (Pool::Files, 2)];
        let named = pools.into_iter().flat_map(|(pool, count)| (0..count).map(move |number| (pool, number)));
        named
            .map(|(pool, number)| NodeConfig {
                labels: pool.labels(),
                ..self.machine(&format!("{}-{number}", pool.name()))
            })
            .collect()
    }

    /// Gives what every shop does, whatever goes wrong.
    pub(crate) fn acts(&self) -> Vec<Act> {
        let mut made = vec![objects::namespace(self.namespace), objects::namespace(PLATFORM)];
        made.extend(objects::classes());
        made.push(objects::agent("kube-system", "node-agent"));
        made.push(objects::deployment(
            PLATFORM,
            self.controller,
            1,
            objects::template(self.controller, Pool::Files),
        ));
        made.extend(self.serving());
        made.push(objects::service(self.namespace, self.database).with(&["spec", "clusterIP"], "None"));
        made.push(objects::stateful_set(self.namespace, self.database, self.database_replicas, Pool::Data));
        made.push(objects::budget(self.namespace, self.web, self.web_replicas / 2));
        let later = vec![
            objects::claim(self.namespace, self.exporter, objects::ARCHIVE_CLASS),
            objects::deployment(
                self.namespace,
                self.exporter,
                1,
                objects::mounting(objects::template(self.exporter, Pool::Files), self.exporter),
            ),
            objects::job(self.namespace, self.import, 2, objects::template(self.import, Pool::Files)),
        ];
        vec![Act::at(Duration::ZERO, Deed::Create(made)), Act::at(minutes(21), Deed::Create(later))]
    }

    /// Gives the Deployments that serve, their Services and the routes to them.
    fn serving(&self) -> Vec<Value> {
        let mut made = Vec::new();
        let mut serve = |name: &str, replicas: i64| {
            let template = objects::template(name, Pool::General);
            let deployment = objects::deployment(self.namespace, name, replicas, template);
            // A session must not be served by two versions at once, so all of them are replaced together.
            let together = value!({"maxUnavailable": "100%", "maxSurge": 0});
            made.push(if name == self.checkout {
                deployment.with(&["spec", "strategy", "rollingUpdate"], together)
            } else {
                deployment
            });
            made.push(objects::service(self.namespace, name));
        };
        serve(self.web, self.web_replicas);
        serve(self.cart, 1);
        for name in [self.checkout, self.search, self.promotions, self.recommender, self.returns, self.api] {
            serve(name, self.replicas);
        }
        made.push(objects::elsewhere(self.namespace, self.erp, "erp.example.net"));
        made.push(objects::ingress(self.namespace, &self.host, &self.routes()));
        made
    }

    /// Gives the paths of the Ingress with the Services that they lead to.
    pub(crate) fn routes(&self) -> Vec<(String, String)> {
        let named = [self.cart, self.checkout, self.search, self.returns, self.api, self.erp];
        let of_path = |name: &str| (format!("/{name}"), name.to_owned());
        [("/".to_owned(), self.web.to_owned())].into_iter().chain(named.map(of_path)).collect()
    }

    /// Gives the name of the Deployment that leaks when it does.
    pub(crate) fn cart(&self) -> &'static str {
        self.cart
    }
}

//! Pods of 300 Deployments, in the shape in which a real API server gives them, managed fields included.

/// How many pods a large cluster has.
pub const POD_COUNT: usize = 150_000;

/// How many Deployments they come from.
pub const TEMPLATE_COUNT: usize = 300;

const NODE_COUNT: usize = 5_000;

/// Gives one pod as JSON of about 6 KB.
///
/// `number` chooses the pod; pods whose numbers differ by a multiple of [`TEMPLATE_COUNT`] have one template. What
/// differs between pods of one template is what differs in a real cluster: name, uid, version, times, node,
/// addresses, container id, and the name of the token's volume.
pub fn pod_json(number: usize) -> String {
    let template = number % TEMPLATE_COUNT;
    let hash = format!("{:08x}", mix(template));
    let (minute, second) = (number / 60 % 60, number % 60);
    let replacements = [
        ("{app}", format!("web-{template}")),
        ("{hash}", hash.clone()),
        ("{team}", format!("team-{}", template % 40)),
        ("{suffix}", letters(mix(number))),
        ("{token}", letters(mix(number ^ 0x5555))),
        ("{uid}", uid(number)),
        ("{owner-uid}", uid(template + 10_000_000)),
        ("{version}", (1_000_000 + number * 7).to_string()),
        ("{created}", format!("2026-01-31T09:{minute:02}:{second:02}Z")),
        ("{started}", format!("2026-01-31T10:{minute:02}:{second:02}Z")),
        ("{node}", format!("worker-{}", mix(number) % NODE_COUNT)),
        ("{host-ip}", format!("10.0.{}.{}", mix(number) % NODE_COUNT / 256, mix(number) % NODE_COUNT % 256)),
        ("{ip}", format!("10.{}.{}.{}", 64 + (number >> 16), (number >> 8) & 255, number & 255)),
        ("{digest}", format!("{:016x}{:016x}", mix(template), mix(template + 1)).repeat(2)),
        ("{container}", format!("{:016x}{:016x}", mix(number), mix(number + 1)).repeat(2)),
        ("{port}", (8000 + template).to_string()),
    ];
    replacements.iter().fold(SHAPE.replace('\n', ""), |text, (place, value)| text.replace(place, value))
}

fn uid(number: usize) -> String {
    let (high, low) = (mix(number), mix(!number));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high & 0xffff,
        low >> 52,
        low & 0xfff,
        high >> 16
    )
}

/// Gives five letters, as generated names end in.
fn letters(number: usize) -> String {
    (0..5)
        .map(|place| char::from(b"bcdfghjklmnpqrstvwxz2456789"[number / 27_usize.pow(place) % 27]))
        .collect()
}

/// Scatters numbers; the constants are those of SplitMix64.
fn mix(number: usize) -> usize {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

const SHAPE: &str = r#"{"metadata":{"name":"{app}-{hash}-{suffix}","generateName":"{app}-{hash}-","namespace":"{team}",
"uid":"{uid}","resourceVersion":"{version}","generation":1,"creationTimestamp":"{created}",
"labels":{"app":"{app}","app.kubernetes.io/name":"{app}","app.kubernetes.io/part-of":"{team}","pod-template-hash":"{hash}"},
"annotations":{"prometheus.io/scrape":"true","prometheus.io/port":"{port}"},
"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"{app}-{hash}","uid":"{owner-uid}","controller":true,
"blockOwnerDeletion":true}],
"managedFields":[
{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"{created}","fieldsType":"FieldsV1",
"fieldsV1":{"f:metadata":{"f:annotations":{".":{},"f:prometheus.io/port":{},"f:prometheus.io/scrape":{}},"f:generateName":{},
"f:labels":{".":{},"f:app":{},"f:app.kubernetes.io/name":{},"f:app.kubernetes.io/part-of":{},"f:pod-template-hash":{}},
"f:ownerReferences":{".":{},"k:{\"uid\":\"{owner-uid}\"}":{}}},
"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},
"f:env":{".":{},"k:{\"name\":\"MODE\"}":{".":{},"f:name":{},"f:value":{}},"k:{\"name\":\"POD_IP\"}":{".":{},"f:name":{},
"f:valueFrom":{".":{},"f:fieldRef":{}}},"k:{\"name\":\"TEAM\"}":{".":{},"f:name":{},"f:value":{}}},
"f:image":{},"f:imagePullPolicy":{},"f:livenessProbe":{".":{},"f:failureThreshold":{},"f:httpGet":{".":{},"f:path":{},
"f:port":{},"f:scheme":{}},"f:periodSeconds":{},"f:successThreshold":{},"f:timeoutSeconds":{}},"f:name":{},
"f:ports":{".":{},"k:{\"containerPort\":{port},\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:name":{},"f:protocol":{}}},
"f:readinessProbe":{".":{},"f:failureThreshold":{},"f:httpGet":{".":{},"f:path":{},"f:port":{},"f:scheme":{}},
"f:periodSeconds":{},"f:successThreshold":{},"f:timeoutSeconds":{}},
"f:resources":{".":{},"f:limits":{".":{},"f:memory":{}},"f:requests":{".":{},"f:cpu":{},"f:memory":{}}},
"f:terminationMessagePath":{},"f:terminationMessagePolicy":{},"f:volumeMounts":{".":{},"k:{\"mountPath\":\"/etc/app\"}":{".":{},
"f:mountPath":{},"f:name":{}}}}},"f:dnsPolicy":{},"f:enableServiceLinks":{},"f:restartPolicy":{},"f:schedulerName":{},
"f:securityContext":{},"f:terminationGracePeriodSeconds":{},"f:volumes":{".":{},"k:{\"name\":\"config\"}":{".":{},
"f:configMap":{".":{},"f:defaultMode":{},"f:name":{}},"f:name":{}}}}}},
{"manager":"kubelet","operation":"Update","apiVersion":"v1","time":"{started}","fieldsType":"FieldsV1",
"fieldsV1":{"f:status":{"f:conditions":{
"k:{\"type\":\"ContainersReady\"}":{".":{},"f:lastProbeTime":{},"f:lastTransitionTime":{},"f:status":{},"f:type":{}},
"k:{\"type\":\"Initialized\"}":{".":{},"f:lastProbeTime":{},"f:lastTransitionTime":{},"f:status":{},"f:type":{}},
"k:{\"type\":\"PodReadyToStartContainers\"}":{".":{},"f:lastProbeTime":{},"f:lastTransitionTime":{},"f:status":{},"f:type":{}},
"k:{\"type\":\"PodScheduled\"}":{"f:observedGeneration":{}},
"k:{\"type\":\"Ready\"}":{".":{},"f:lastProbeTime":{},"f:lastTransitionTime":{},"f:status":{},"f:type":{}}},
"f:containerStatuses":{},"f:hostIP":{},"f:hostIPs":{},"f:phase":{},"f:podIP":{},"f:podIPs":{".":{},
"k:{\"ip\":\"{ip}\"}":{".":{},"f:ip":{}}},"f:startTime":{}}},"subresource":"status"}]},
"spec":{"volumes":[{"name":"config","configMap":{"name":"{app}-config","defaultMode":420}},
{"name":"kube-api-access-{token}","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},
{"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}},{"downwardAPI":{"items":[{"path":"namespace",
"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"}}]}}],"defaultMode":420}}],
"containers":[{"name":"app","image":"registry.example.com/{team}/{app}:1.{port}","ports":[{"name":"http","containerPort":{port},
"protocol":"TCP"}],"env":[{"name":"MODE","value":"production"},{"name":"POD_IP","valueFrom":{"fieldRef":{"apiVersion":"v1",
"fieldPath":"status.podIP"}}},{"name":"TEAM","value":"{team}"}],
"resources":{"limits":{"memory":"256Mi"},"requests":{"cpu":"100m","memory":"128Mi"}},
"volumeMounts":[{"name":"config","mountPath":"/etc/app"},{"name":"kube-api-access-{token}","readOnly":true,
"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}],
"livenessProbe":{"httpGet":{"path":"/live","port":"http","scheme":"HTTP"},"timeoutSeconds":1,"periodSeconds":10,
"successThreshold":1,"failureThreshold":3},
"readinessProbe":{"httpGet":{"path":"/ready","port":"http","scheme":"HTTP"},"timeoutSeconds":1,"periodSeconds":10,
"successThreshold":1,"failureThreshold":3},
"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}],
"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"default",
"serviceAccount":"default","nodeName":"{node}","securityContext":{},"schedulerName":"default-scheduler",
"tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},
{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],
"priority":0,"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority"},
"status":{"observedGeneration":1,"phase":"Running","conditions":[
{"type":"PodReadyToStartContainers","observedGeneration":1,"status":"True","lastProbeTime":null,"lastTransitionTime":"{started}"},
{"type":"Initialized","observedGeneration":1,"status":"True","lastProbeTime":null,"lastTransitionTime":"{created}"},
{"type":"Ready","observedGeneration":1,"status":"True","lastProbeTime":null,"lastTransitionTime":"{started}"},
{"type":"ContainersReady","observedGeneration":1,"status":"True","lastProbeTime":null,"lastTransitionTime":"{started}"},
{"type":"PodScheduled","observedGeneration":1,"status":"True","lastProbeTime":null,"lastTransitionTime":"{created}"}],
"hostIP":"{host-ip}","hostIPs":[{"ip":"{host-ip}"}],"podIP":"{ip}","podIPs":[{"ip":"{ip}"}],"startTime":"{created}",
"containerStatuses":[{"name":"app","state":{"running":{"startedAt":"{started}"}},"lastState":{},"ready":true,"restartCount":0,
"image":"registry.example.com/{team}/{app}:1.{port}",
"imageID":"registry.example.com/{team}/{app}@sha256:{digest}","containerID":"containerd://{container}","started":true,
"resources":{"limits":{"memory":"256Mi"},"requests":{"cpu":"100m","memory":"128Mi"}}}],
"qosClass":"Burstable"},"apiVersion":"v1","kind":"Pod"}"#;

package main

import (
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"k8s.io/client-go/rest"
)

const (
	cm     = "/api/v1/namespaces/conform/configmaps"
	pods   = "/api/v1/namespaces/conform/pods"
	svc    = "/api/v1/namespaces/conform/services"
	deploy = "/apis/apps/v1/namespaces/conform/deployments"
	axles  = "/apis/conform.test/v1/namespaces/conform/axles"
	gears  = "/apis/conform.test/v1/namespaces/conform/gears"

	jsonPatch      = "application/json-patch+json"
	mergePatch     = "application/merge-patch+json"
	strategicPatch = "application/strategic-merge-patch+json"
	applyPatch     = "application/apply-patch+yaml"

	asTable    = "application/json;as=Table;g=meta.k8s.io;v=v1"
	asPartial  = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
	asPartials = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

func configMap(name, label, data string) string {
	return fmt.Sprintf(`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":%q,"labels":{"l":%q}},"data":{%s}}`, name, label, data)
}

func get(path string) request        { return request{method: "GET", path: path} }
func post(path, body string) request { return request{method: "POST", path: path, body: body} }
func put(path, body string) request  { return request{method: "PUT", path: path, body: body} }
func del(path, body string) request  { return request{method: "DELETE", path: path, body: body} }
func patch(how, path, body string) request {
	return request{method: "PATCH", path: path, body: body, contentType: how}
}

// Exchanges whose messages the simulator has in words of its own (what a parser found; media types with protobuf among them).
// Code, reason and details are compared all the same.
var ownWords = map[string]bool{"a body that is no JSON": true, "a body of another type": true, "a form that is not offered": true, "another kind": true,
	"a label selector that is none": true, "a field selector that is none": true, "a continue token that is none": true,
	"a patch that is no JSON": true, "strategic patch without a key": true,
	"an order that the patch does not keep": true}

func version(v map[string]any) string {
	m, _ := v["metadata"].(map[string]any)
	rv, _ := m["resourceVersion"].(string)
	return rv
}

func token(v map[string]any) string {
	m, _ := v["metadata"].(map[string]any)
	c, _ := m["continue"].(string)
	return url.QueryEscape(c)
}

func errorsOf(t *target) {
	for _, r := range []struct {
		name string
		request
	}{
		{"an object that is not there", get(cm + "/nobody")},
		{"a namespace that is not there", get("/api/v1/namespaces/nowhere/configmaps/x")},
		{"a list in a namespace that is not there", get("/api/v1/namespaces/nowhere/configmaps")},
		{"a resource that is not there", get("/api/v1/namespaces/conform/unknowns")},
		{"a group that is not there", get("/apis/nowhere.test/v1/things")},
		{"a version that is not there", get("/apis/apps/v7/deployments")},
		{"a method that is not allowed", request{method: "PUT", path: cm, body: "{}"}},
		{"a body that is no JSON", post(cm, `{"a":`)},
		{"a body of another type", request{method: "POST", path: cm, body: "x", contentType: "text/plain"}},
		{"a form that is not offered", request{method: "GET", path: cm, accept: "text/csv"}},
		{"a name that is not allowed", post(cm, configMap("A_b", "x", ""))},
		{"no name", post(cm, `{"kind":"ConfigMap","apiVersion":"v1"}`)},
		{"another kind", post(cm, `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"x"}}`)},
		{"another namespace", post(cm, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","namespace":"y"}}`)},
		{"a version at creation", post(cm, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","resourceVersion":"5"}}`)},
		{"a label selector that is none", get(cm + "?labelSelector=a%20b%20c")},
		{"a field selector that is none", get(cm + "?fieldSelector=a")},
		{"a field that cannot be selected", get(pods + "?fieldSelector=spec.hostname=x")},
		{"a version that is none", get(cm + "?resourceVersion=x")},
		{"a match without a version", get(cm + "?resourceVersionMatch=Exact")},
		{"a match that is none", get(cm + "?resourceVersion=1&resourceVersionMatch=Some")},
		{"a continue token that is none", get(cm + "?limit=1&continue=x")},
		{"an exact version in the future", get(cm + "?resourceVersion=999999999&resourceVersionMatch=Exact")},
		{"a version in the future", get(cm + "?resourceVersion=999999999")},
		{"initial events without a match", get(cm + "?watch=1&sendInitialEvents=true")},
		{"initial events without a watch", get(cm + "?sendInitialEvents=true")},
		{"a watch from a version that is none", get(cm + "?watch=1&resourceVersion=x")},
		{"an update without a name", put(cm+"/zz", `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"yy"}}`)},
		{"an update of nothing", put(cm+"/zz", `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"zz","resourceVersion":"7"}}`)},
		{"a patch of nothing", patch(mergePatch, cm+"/zz", `{}`)},
		{"a patch of another type", patch("text/csv", cm+"/zz", `{}`)},
		{"deletion of nothing", del(cm+"/zz", "")},
		{"a subresource that is not there", get(cm + "/zz/nothing")},
		{"an unknown field, strictly", post(cm+"?fieldValidation=Strict", `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"s"},"bar":1}`)},
		{"a value of a wrong type", post(cm, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"s"},"data":{"a":["x"]}}`)},
	} {
		t.do(r.name, r.request)
	}
}

func lists(t *target) {
	var first map[string]any
	for i := range 5 {
		v := t.do(fmt.Sprint("create ", i), post(cm, configMap(fmt.Sprint("c", i), []string{"a", "b"}[i%2], fmt.Sprintf(`"i":"%d"`, i))))
		if first == nil {
			first = v
		}
	}
	t.do("create again", post(cm, configMap("c0", "a", "")))
	t.do("get", get(cm+"/c1"))
	t.do("get as a table", request{method: "GET", path: cm + "/c1", accept: asTable})
	t.do("get in part", request{method: "GET", path: cm + "/c1", accept: asPartial})
	t.do("list", get(cm))
	t.do("list at 0", get(cm+"?resourceVersion=0"))
	t.do("list as it was", get(cm+"?resourceVersionMatch=Exact&resourceVersion="+version(first)))
	t.do("list no older", get(cm+"?resourceVersionMatch=NotOlderThan&resourceVersion="+version(first)))
	for _, s := range []string{"l=a", "l!=a", "l in (a,c)", "l notin (a)", "l", "!l", "l=a,l!=b", "l=zz"} {
		t.do("labels "+s, get(cm+"?labelSelector="+url.QueryEscape(s)))
	}
	for _, s := range []string{"metadata.name=c1", "metadata.name!=c1", "metadata.namespace=conform", "metadata.name=c1,metadata.namespace=x"} {
		t.do("fields "+s, get(cm+"?fieldSelector="+url.QueryEscape(s)))
	}
	page := t.do("page 1", get(cm+"?limit=2"))
	page = t.do("page 2", get(cm+"?limit=2&continue="+token(page)))
	t.do("a version with a continue token", get(cm+"?limit=1&resourceVersion=5&continue="+token(page)))
	t.do("page 3", get(cm+"?limit=2&continue="+token(page)))
	t.do("a page of selected ones", get(cm+"?limit=1&labelSelector=l%3Da"))
	t.do("table", request{method: "GET", path: cm, accept: asTable})
	t.do("table without objects", request{method: "GET", path: cm + "?includeObject=None", accept: asTable})
	t.do("metadata only", request{method: "GET", path: cm, accept: asPartials})
}

func writes(t *target) {
	v := t.do("get for update", get(cm+"/c0"))
	rv := version(v)
	body := func(rv, data string) string {
		return `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c0","labels":{"l":"a"},"resourceVersion":"` + rv + `"},"data":{` + data + `}}`
	}
	t.do("update", put(cm+"/c0", body(rv, `"i":"new"`)))
	t.do("update of an old version", put(cm+"/c0", body(rv, `"i":"newer"`)))
	t.do("update without a version", put(cm+"/c0", body("", `"i":"newest"`)))
	t.do("unknown fields", put(cm+"/c0", `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c0","labels":{"l":"a"},"colour":1},"data":{"i":"newest"},"bar":2}`))
	t.do("unknown fields, ignored", put(cm+"/c0?fieldValidation=Ignore", `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c0","labels":{"l":"a"}},"data":{"i":"newest"},"bar":2}`))
	t.do("an unknown field in a patch", patch(mergePatch, cm+"/c0", `{"bar":2}`))
	t.do("update that changes nothing", put(cm+"/c0", body("", `"i":"newest"`)))
	t.do("merge patch", patch(mergePatch, cm+"/c0", `{"data":{"i":null,"j":"1"},"metadata":{"annotations":{"x":"y"}}}`))
	t.do("JSON patch", patch(jsonPatch, cm+"/c0", `[{"op":"test","path":"/data/j","value":"1"},{"op":"add","path":"/data/k","value":"2"}]`))
	t.do("JSON patch whose test fails", patch(jsonPatch, cm+"/c0", `[{"op":"test","path":"/data/j","value":"9"}]`))
	t.do("JSON patch of nothing", patch(jsonPatch, cm+"/c0", `[{"op":"remove","path":"/nope"}]`))
	t.do("a patch that is no JSON", patch(mergePatch, cm+"/c0", `[1`))
	t.do("dry run", patch(mergePatch, cm+"/c0?dryRun=All", `{"data":{"dry":"run"}}`))
	t.do("after the dry run", get(cm+"/c0"))
	t.do("deletion of another uid", del(cm+"/c4", `{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"x"}}`))
	t.do("deletion", del(cm+"/c4", ""))
	t.do("a finalizer", post(cm, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"fin","finalizers":["x.test/y"]}}`))
	t.do("deletion that waits", del(cm+"/fin", ""))
	t.do("the finalizer goes", patch(mergePatch, cm+"/fin", `{"metadata":{"finalizers":null}}`))
	t.do("gone", get(cm+"/fin"))
	t.do("a made-up name", post(cm, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"generateName":"gen-"}}`))
	t.do("deletion of some", del(cm+"?labelSelector=l%3Db", ""))
	t.do("what is left", get(cm))
}

const podBody = `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","labels":{"app":"x"}},"spec":{"containers":[{"name":"c","image":"i:1",
	"ports":[{"containerPort":80}],"env":[{"name":"A","value":"1"}]},{"name":"d","image":"j"}]}}`

const deploymentBody = `{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"app":"x"}},
	"template":{"metadata":{"labels":{"app":"x"}},"spec":{"containers":[{"name":"c","image":"i:1"}]}}}}`

func typed(t *target) {
	t.do("pod", post(pods, podBody))
	t.do("pods as a table", request{method: "GET", path: pods + "?includeObject=None", accept: asTable})
	t.do("strategic patch of a container", patch(strategicPatch, pods+"/p", `{"spec":{"containers":[{"name":"c","image":"i:2"}]}}`))
	t.do("strategic patch without a key", patch(strategicPatch, pods+"/p", `{"spec":{"containers":[{"image":"i:2"}]}}`))
	t.do("strategic patch of a finalizer", patch(strategicPatch, pods+"/p", `{"metadata":{"finalizers":["a.test/1"]}}`))
	t.do("another finalizer", patch(strategicPatch, pods+"/p", `{"metadata":{"finalizers":["a.test/2"]}}`))
	t.do("one finalizer less", patch(strategicPatch, pods+"/p", `{"metadata":{"$deleteFromPrimitiveList/finalizers":["a.test/1"]}}`))
	t.do("status of a pod", patch(strategicPatch, pods+"/p/status", `{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`))
	t.do("another condition", patch(strategicPatch, pods+"/p/status", `{"status":{"conditions":[{"type":"Initialized","status":"True"}]}}`))
	t.do("no finalizer", patch(mergePatch, pods+"/p", `{"metadata":{"finalizers":null}}`))
	t.do("deployment", post(deploy, deploymentBody))
	t.do("env in a template", patch(strategicPatch, deploy+"/d", `{"spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"A","value":"1"}]}]}}}}`))
	t.do("more env", patch(strategicPatch, deploy+"/d", `{"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"n"},{"name":"c"}],
		"containers":[{"name":"n","image":"n:1"},{"name":"c","env":[{"name":"B","value":"2"}]}]}}}}`))
	t.do("an order that the patch does not keep", patch(strategicPatch, deploy+"/d", `{"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"n"},{"name":"c"}],
		"containers":[{"name":"c","image":"1"},{"name":"n","image":"n:2"}]}}}}`))
	t.do("replaced env", patch(strategicPatch, deploy+"/d", `{"spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"$patch":"replace"},{"name":"Z","value":"9"}]}]}}}}`))
	t.do("a container less", patch(strategicPatch, deploy+"/d", `{"spec":{"template":{"spec":{"containers":[{"name":"n","$patch":"delete"}]}}}}`))
	t.do("another strategy", patch(strategicPatch, deploy+"/d", `{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}`))
	t.do("status of a deployment", patch(mergePatch, deploy+"/d/status", `{"status":{"replicas":2},"spec":{"replicas":7}}`))
	t.do("service", post(svc, `{"kind":"Service","apiVersion":"v1","metadata":{"name":"s"},"spec":{"selector":{"app":"x"},"ports":[{"port":80,"name":"h"}]}}`))
	t.do("another port", patch(strategicPatch, svc+"/s", `{"spec":{"ports":[{"port":81,"name":"i"}]}}`))
	t.do("secret", post("/api/v1/namespaces/conform/secrets", `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s"},"data":{"a":"Yg=="}}`))
	t.do("lease", post("/apis/coordination.k8s.io/v1/namespaces/conform/leases", `{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"l"},"spec":{"holderIdentity":"x"}}`))
}

func applies(t *target) {
	apply := func(name, manager, path, body string) {
		t.do(name, patch(applyPatch, path+"?fieldManager="+manager, body))
	}
	apply("apply", "one", cm+"/ssa", configMap("ssa", "a", `"a":"1","b":"2"`))
	apply("apply the same", "one", cm+"/ssa", configMap("ssa", "a", `"a":"1","b":"2"`))
	apply("apply less", "one", cm+"/ssa", configMap("ssa", "a", `"a":"1","c":"3"`))
	apply("a conflict", "two", cm+"/ssa", configMap("ssa", "a", `"a":"9"`))
	apply("two conflicts", "two", cm+"/ssa", configMap("ssa", "z", `"a":"9"`))
	apply("forced", "two&force=true", cm+"/ssa", configMap("ssa", "a", `"a":"9"`))
	apply("the first again", "one", cm+"/ssa", configMap("ssa", "a", `"c":"3"`))
	t.do("an update takes over", patch(mergePatch, cm+"/ssa", `{"data":{"a":"10"}}`))
	apply("a conflict with an update", "two", cm+"/ssa", configMap("ssa", "a", `"a":"9"`))
	apply("no manager", "", cm+"/ssa", configMap("ssa", "a", ""))
	apply("managedFields given", "one", cm+"/ssa", `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"ssa","managedFields":[{}]}}`)
	apply("no version", "one", cm+"/ssa", `{"kind":"ConfigMap","metadata":{"name":"ssa"}}`)
	t.do("force without apply", patch(mergePatch, cm+"/ssa?force=true", `{"data":null}`))
	apply("deployment applied", "one", deploy+"/a", strings.Replace(deploymentBody, `"name":"d"`, `"name":"a"`, 1))
	apply("and by another", "two", deploy+"/a", `{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"a"},"spec":{"template":{"spec":{"containers":[
		{"name":"side","image":"s:1","ports":[{"containerPort":80},{"containerPort":80,"protocol":"UDP"}]}]}}}}`)
	apply("a conflict in a container", "two", deploy+"/a", `{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"a"},"spec":{"template":{"spec":{"containers":[
		{"name":"c","image":"i:9"},{"name":"side","image":"s:1"}]}}}}`)
	apply("a container goes", "two", deploy+"/a", `{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"a"},"spec":{"replicas":3}}`)
	apply("finalizers are a set", "one", cm+"/set", `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"set","finalizers":["a.test/1"]}}`)
	apply("of two owners", "two", cm+"/set", `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"set","finalizers":["a.test/2"]}}`)
	apply("one lets go", "one", cm+"/set", `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"set"}}`)
	apply("custom resource", "one", gears+"/g", `{"kind":"Gear","apiVersion":"conform.test/v1","metadata":{"name":"g"},"spec":{"teeth":7,"deep":{"a":[1,2]}}}`)
	apply("of two managers", "two", gears+"/g", `{"kind":"Gear","apiVersion":"conform.test/v1","metadata":{"name":"g"},"spec":{"deep":{"b":true}}}`)
	axle := func(spec string) string {
		return `{"kind":"Axle","apiVersion":"conform.test/v1","metadata":{"name":"x"},"spec":{` + spec + `}}`
	}
	apply("a custom resource with a schema", "one", axles+"/x", axle(`"wheels":[{"side":"l","size":1},{"side":"m"}],"marks":["a","b"],"turns":{"x":1}`))
	apply("items of another manager", "two", axles+"/x", axle(`"wheels":[{"side":"r","size":2}],"turns":{"y":2}`))
	apply("a conflict in an item", "two", axles+"/x", axle(`"wheels":[{"side":"l","size":9}],"marks":["c"]`))
	apply("items go", "one", axles+"/x", axle(`"wheels":[{"side":"l","size":1}]`))
	t.do("an update of it", patch(mergePatch, axles+"/x", `{"spec":{"turns":{"x":5,"z":6}}}`))
	apply("a conflict about it", "two", gears+"/g", `{"kind":"Gear","apiVersion":"conform.test/v1","metadata":{"name":"g"},"spec":{"deep":{"a":[1]}}}`)
}

func watches(t *target) {
	start := version(t.do("where it stands", get(cm)))
	changes := func(id string) func() {
		return func() {
			for _, r := range []request{
				post(cm, configMap(id, "a", `"x":"1"`)),
				patch(mergePatch, cm+"/"+id, `{"data":{"x":"2"}}`),
				patch(mergePatch, cm+"/"+id, `{"metadata":{"labels":{"l":"b"}}}`),
				del(cm+"/"+id, ""),
			} {
				if resp, err := t.send(r); err == nil {
					resp.Body.Close()
				}
			}
		}
	}
	t.watch("watch", cm+"?watch=1&timeoutSeconds=30&resourceVersion="+start, 4, "", changes("w1"))
	t.watch("watch again from there", cm+"?watch=1&timeoutSeconds=30&resourceVersion="+start, 4, "", nil)
	t.watch("watch of selected ones", cm+"?watch=1&timeoutSeconds=30&labelSelector=l%3Da&resourceVersion="+start, 3, "", nil)
	t.watch("watch of those that come to match", cm+"?watch=1&timeoutSeconds=30&labelSelector=l%3Db&resourceVersion="+start, 2, "", nil)
	t.watch("watch of one", cm+"?watch=1&timeoutSeconds=30&fieldSelector=metadata.name%3Dw1&resourceVersion="+start, 4, "", nil)
	t.watch("watch in part", cm+"?watch=1&timeoutSeconds=30&resourceVersion="+start, 4, asPartial, nil)
	t.watch("watch as a table", cm+"?watch=1&timeoutSeconds=30&resourceVersion="+start, 4, asTable, nil)
	t.watch("watch from now on", cm+"?watch=1&timeoutSeconds=2&fieldSelector=metadata.name%3Dc0", 9, "", nil)
	t.watch("watch from any state", cm+"?watch=1&timeoutSeconds=2&resourceVersion=0&fieldSelector=metadata.name%3Dc0", 9, "", nil)
	t.watch("streaming list", cm+"?watch=1&timeoutSeconds=20&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&fieldSelector=metadata.name%3Dc0", 2, "", nil)
	t.watch("watch of what is over", cm+"?watch=1&resourceVersion="+start+"&timeoutSeconds=1", 99, "", nil)
}

// The parts of discovery that both serve.
func discovery(t *target) {
	for _, path := range []string{"/api/v1", "/apis/apps/v1", "/apis/discovery.k8s.io/v1", "/apis/conform.test/v1"} {
		t.do("discovery "+path, get(path))
		e := &t.entries[len(t.entries)-1]
		body := e.Body.(map[string]any)
		var kept []any
		for _, r := range body["resources"].([]any) {
			m := r.(map[string]any)
			name := m["name"].(string)
			delete(m, "storageVersionHash")
			for _, served := range []string{"configmaps", "pods", "pods/status", "nodes", "services", "secrets", "deployments", "deployments/status",
				"replicasets", "endpointslices", "gears", "events", "namespaces"} {
				if name == served {
					kept = append(kept, m)
				}
			}
		}
		body["resources"] = kept
	}
}

func prepare(t *target) {
	if resp, err := t.send(post("/api/v1/namespaces", `{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"conform"}}`)); err == nil {
		resp.Body.Close()
	}
	t.do("a definition", post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", `{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1",
		"metadata":{"name":"gears.conform.test"},"spec":{"group":"conform.test","scope":"Namespaced","names":{"plural":"gears","singular":"gear","kind":"Gear","listKind":"GearList"},
		"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}`))
	t.do("another, with a schema", post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", `{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1",
		"metadata":{"name":"axles.conform.test"},"spec":{"group":"conform.test","scope":"Namespaced","names":{"plural":"axles","singular":"axle","kind":"Axle","listKind":"AxleList"},
		"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{
		"wheels":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["side"],"items":{"type":"object","required":["side"],"properties":{
			"side":{"type":"string"},"size":{"type":"integer"}}}},
		"marks":{"type":"array","items":{"type":"string"}},"turns":{"type":"object","additionalProperties":{"type":"integer"}}}}}}}}]}}`))
	t.entries = nil // their statuses come when they come
	for range 100 {
		resp, err := t.send(get(axles))
		check(err)
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
		sleep()
	}
}

// conformMain runs the same program against the real server and the simulator and compares what it saw.
func conformMain(cfg *rest.Config, args []string) {
	fs := flag.NewFlagSet("conform", flag.ExitOnError)
	simulator := fs.String("simulator", "", "where tarn-apisim listens: http://127.0.0.1:PORT")
	check(fs.Parse(args))
	transport, err := rest.TransportFor(cfg)
	check(err)
	real := &target{name: "real", base: strings.TrimSuffix(cfg.Host, "/"), http: &http.Client{Transport: transport}}
	sim := &target{name: "simulator", base: *simulator, http: &http.Client{}}
	for _, t := range []*target{real, sim} {
		prepare(t)
		for _, part := range []func(*target){errorsOf, lists, writes, typed, applies, watches, discovery} {
			part(t)
		}
		t.normalize()
	}
	same, different := compareTranscripts(real, sim)
	fmt.Printf("%d exchanges the same, %d different\n", same, different)
	if different > 0 {
		os.Exit(1)
	}
}

// interop-client drives a real API server with the real client-go, and compares tarn's mirror with it.
//
//	interop-client -kubeconfig F setup                    namespaces and a custom resource definition
//	interop-client -kubeconfig F churn -ops N -seed S     N random creates, updates, patches and deletes
//	interop-client -kubeconfig F load -pods N -list FILE  N pods like those of a recorded list
//	interop-client -kubeconfig F compare -tarn PATH R...  wait until the mirror equals the server's own LIST
//	interop-client -kubeconfig F schema                   the server's types, as tools/apisim/schema.txt has them
//	interop-client -kubeconfig F conform -simulator URL   does a client see the same from the server and from tarn-apisim?
//
// Resources are named as tarn names them: pods, endpointslices.discovery.k8s.io. $TEST_THINGS is the version of the
// custom resource that is used (v1).
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

type resource struct {
	gvr        schema.GroupVersionResource
	kind       string
	namespaced bool
	spec       func(r *rand.Rand, i int) map[string]any
}

// The kinds under churn, by tarn's names.
var resources = map[string]resource{
	"pods": {schema.GroupVersionResource{Version: "v1", Resource: "pods"}, "Pod", true, func(r *rand.Rand, i int) map[string]any {
		return map[string]any{"spec": map[string]any{"nodeName": fmt.Sprintf("node-%d", r.Intn(5)),
			"containers": []any{map[string]any{"name": "c", "image": fmt.Sprintf("example.test/app:%d", i),
				"env": []any{map[string]any{"name": "TEXT", "value": "<a> & \u00e4 \u2028 \"quoted\" \\ \t"}}}}}}
	}},
	"nodes": {schema.GroupVersionResource{Version: "v1", Resource: "nodes"}, "Node", false, func(r *rand.Rand, i int) map[string]any {
		return map[string]any{"spec": map[string]any{"providerID": fmt.Sprintf("x://%d", i)}}
	}},
	"services": {schema.GroupVersionResource{Version: "v1", Resource: "services"}, "Service", true, func(r *rand.Rand, i int) map[string]any {
		return map[string]any{"spec": map[string]any{"selector": map[string]any{"app": fmt.Sprintf("a%d", i%7)},
			"ports": []any{map[string]any{"port": int64(80 + i%1000)}}}}
	}},
	"endpointslices.discovery.k8s.io": {schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}, "EndpointSlice", true, func(r *rand.Rand, i int) map[string]any {
		return map[string]any{"addressType": "IPv4", "endpoints": []any{map[string]any{"addresses": []any{fmt.Sprintf("10.0.%d.%d", i/250%250, i%250+1)}}}}
	}},
	"configmaps": {schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, "ConfigMap", true, func(r *rand.Rand, i int) map[string]any {
		return map[string]any{"data": map[string]any{"text": strings.Repeat("line <&> \u00fc\n", r.Intn(200)), "i": fmt.Sprint(i)}}
	}},
	"secrets": {schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, "Secret", true, func(r *rand.Rand, i int) map[string]any {
		return map[string]any{"stringData": map[string]any{"password": fmt.Sprint(r.Int63())}}
	}},
	"things.tarn.test": {schema.GroupVersionResource{Group: "tarn.test", Version: thingsVersion(), Resource: "things"}, "Thing", true, func(r *rand.Rand, i int) map[string]any {
		return map[string]any{"spec": map[string]any{"int": r.Int63(), "float": r.NormFloat64(), "big": 1.8446744073709552e19,
			"deep": map[string]any{"a": []any{map[string]any{"b": []any{[]any{int64(1), "x", nil, true}}}}}}}
	}},
}

func thingsVersion() string {
	if v := os.Getenv("TEST_THINGS"); v != "" {
		return v
	}
	return "v1"
}

var namespaces = []string{"alpha", "beta", "gamma"}
var namespacesResource = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig file")
	flag.Parse()
	cfg, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	check(err)
	cfg.QPS, cfg.Burst = 10000, 10000
	cfg.WarningHandler = rest.NoWarnings{}
	client, err := dynamic.NewForConfig(cfg)
	check(err)
	args := flag.Args()
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "interop-client: setup, churn, load, compare, schema or conform?")
		os.Exit(2)
	}
	switch args[0] {
	case "setup":
		setup(client)
	case "churn":
		churnMain(client, args[1:])
	case "load":
		loadMain(client, args[1:])
	case "compare":
		compareMain(cfg, args[1:])
	case "schema":
		schemaMain(cfg)
	case "conform":
		conformMain(cfg, args[1:])
	default:
		fmt.Fprintf(os.Stderr, "interop-client: no verb %q\n", args[0])
		os.Exit(2)
	}
}

func sleep() { time.Sleep(100 * time.Millisecond) }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop-client:", err)
		os.Exit(1)
	}
}

func object(apiVersion, kind, ns, name string, rest map[string]any) *unstructured.Unstructured {
	o := map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name}}
	for k, v := range rest {
		o[k] = v
	}
	u := &unstructured.Unstructured{Object: o}
	if ns != "" {
		u.SetNamespace(ns)
	}
	return u
}

func setup(c dynamic.Interface) {
	ctx := context.Background()
	for _, ns := range namespaces {
		_, err := c.Resource(namespacesResource).Create(ctx, object("v1", "Namespace", "", ns, nil), metav1.CreateOptions{})
		if !errors.IsAlreadyExists(err) {
			check(err)
		}
	}
	crd := object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "things.tarn.test", map[string]any{"spec": map[string]any{
		"group": "tarn.test", "scope": "Namespaced",
		"names": map[string]any{"plural": "things", "singular": "thing", "kind": "Thing", "shortNames": []any{"th"}},
		"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{
			"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}})
	_, err := c.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}).Create(ctx, crd, metav1.CreateOptions{})
	if !errors.IsAlreadyExists(err) {
		check(err)
	}
	things := resources["things.tarn.test"].gvr
	for i := 0; i < 200; i++ {
		if _, err = c.Resource(things).List(ctx, metav1.ListOptions{Limit: 1}); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	check(err)
}

// change makes one random change; what a random state cannot do (a name that is not there) is no error.
func change(ctx context.Context, c dynamic.Interface, r *rand.Rand, i int, name string, res resource) error {
	var ri dynamic.ResourceInterface = c.Resource(res.gvr)
	ns := ""
	if res.namespaced {
		ns = namespaces[r.Intn(len(namespaces))]
		ri = c.Resource(res.gvr).Namespace(ns)
	}
	id := fmt.Sprintf("o-%d", r.Intn(40))
	var err error
	switch r.Intn(10) {
	case 0, 1, 2, 3:
		u := object(res.gvr.GroupVersion().String(), res.kind, ns, id, res.spec(r, i))
		u.SetLabels(map[string]string{"app": fmt.Sprintf("a%d", i%7)})
		_, err = ri.Create(ctx, u, metav1.CreateOptions{})
	case 4, 5, 6:
		patch := fmt.Sprintf(`{"metadata":{"annotations":{"n":"%d"}}}`, i)
		_, err = ri.Patch(ctx, id, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	case 7, 8:
		var u *unstructured.Unstructured
		if u, err = ri.Get(ctx, id, metav1.GetOptions{}); err == nil {
			u.SetLabels(map[string]string{"app": fmt.Sprintf("a%d", r.Intn(7)), "turn": fmt.Sprint(i)})
			_, err = ri.Update(ctx, u, metav1.UpdateOptions{})
		}
	default:
		zero := int64(0)
		err = ri.Delete(ctx, id, metav1.DeleteOptions{GracePeriodSeconds: &zero})
	}
	if err == nil || errors.IsNotFound(err) || errors.IsAlreadyExists(err) || errors.IsConflict(err) {
		return nil
	}
	return fmt.Errorf("%s %s/%s: %w", name, ns, id, err)
}

func churnMain(c dynamic.Interface, args []string) {
	fs := flag.NewFlagSet("churn", flag.ExitOnError)
	ops := fs.Int("ops", 500, "changes")
	seed := fs.Int64("seed", 1, "seed")
	lenient := fs.Bool("lenient", false, "errors are expected: the server is being hurt meanwhile")
	check(fs.Parse(args))
	r := rand.New(rand.NewSource(*seed))
	names := make([]string, 0, len(resources))
	for n := range resources {
		names = append(names, n)
	}
	sort.Strings(names)
	for i := 0; i < *ops; i++ {
		n := names[r.Intn(len(names))]
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := change(ctx, c, r, i, n, resources[n])
		cancel()
		if err != nil && *lenient {
			time.Sleep(100 * time.Millisecond)
		} else {
			check(err)
		}
	}
}

// byKey decodes a list and keys its items; kind and apiVersion are dropped, since lists of built-in kinds leave them out.
func byKey(list []byte) (map[string]any, error) {
	var doc struct {
		Items []map[string]any `json:"items"`
	}
	d := json.NewDecoder(bytes.NewReader(list))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, it := range doc.Items {
		delete(it, "kind")
		delete(it, "apiVersion")
		m := it["metadata"].(map[string]any)
		ns, _ := m["namespace"].(string)
		out[ns+"/"+m["name"].(string)] = plain(it)
	}
	return out, nil
}

// plain turns each number into what it means: 1.8446744073709552e19 and 18446744073709552000.0 are the same.
func plain(v any) any {
	switch t := v.(type) {
	case map[string]any:
		for k, e := range t {
			t[k] = plain(e)
		}
	case []any:
		for i, e := range t {
			t[i] = plain(e)
		}
	case json.Number:
		if i, err := strconv.ParseInt(t.String(), 10, 64); err == nil {
			return i
		}
		if u, err := strconv.ParseUint(t.String(), 10, 64); err == nil {
			return u
		}
		f, _ := t.Float64()
		return f
	}
	return v
}

func difference(want, got map[string]any) string {
	for k, w := range want {
		g, ok := got[k]
		if !ok {
			return fmt.Sprintf("%s is on the server and not in the mirror", k)
		}
		if !reflect.DeepEqual(w, g) {
			wj, _ := json.Marshal(w)
			gj, _ := json.Marshal(g)
			return fmt.Sprintf("%s differs:\n  server %s\n  mirror %s", k, wj, gj)
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			return fmt.Sprintf("%s is in the mirror and not on the server", k)
		}
	}
	return ""
}

// listPath is where the server lists res; in one namespace, or ("") everywhere.
func listPath(res resource, namespace string) string {
	path := "/api/v1/"
	if res.gvr.Group != "" {
		path = "/apis/" + res.gvr.Group + "/" + res.gvr.Version + "/"
	}
	if namespace != "" {
		path += "namespaces/" + namespace + "/"
	}
	return path + res.gvr.Resource
}

// view is the part of a resource that is mirrored, and in which form.
type view struct {
	namespaces, labels, fields string // namespaces: separated by commas; "": all
	metadata                   bool   // only the objects' metadata
}

// serverList is the server's own LIST of what v shows.
func serverList(cfg *rest.Config, v view, name string) (map[string]any, error) {
	c := rest.CopyConfig(cfg)
	c.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(c)
	if err != nil {
		return nil, err
	}
	accept := "application/json"
	if v.metadata {
		accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
	}
	all := map[string]any{}
	for _, ns := range strings.Split(v.namespaces, ",") {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		body, err := client.Get().AbsPath(listPath(resources[name], ns)).SetHeader("Accept", accept).
			Param("labelSelector", v.labels).Param("fieldSelector", v.fields).DoRaw(ctx)
		cancel()
		if err != nil {
			return nil, err
		}
		items, err := byKey(body)
		if err != nil {
			return nil, err
		}
		for k, o := range items {
			all[k] = o
		}
	}
	return all, nil
}

func compareOnce(cfg *rest.Config, tarn string, v view, name string) (int, string) {
	want, err := serverList(cfg, v, name)
	if err != nil {
		return 0, "server: " + err.Error()
	}
	var stderr bytes.Buffer
	cmd := exec.Command(tarn, "get", name, "-A", "-o", "json")
	cmd.Stderr = &stderr
	mirror, err := cmd.Output()
	if err != nil {
		return 0, "tarn get: " + err.Error() + ": " + stderr.String()
	}
	got, err := byKey(mirror)
	if err != nil {
		return 0, "tarn's list: " + err.Error()
	}
	return len(want), difference(want, got)
}

func compareMain(cfg *rest.Config, args []string) {
	fs := flag.NewFlagSet("compare", flag.ExitOnError)
	tarn := fs.String("tarn", "tarn", "the tarn program")
	var v view
	fs.StringVar(&v.namespaces, "namespaces", "", "the only ones that are mirrored, separated by commas")
	fs.StringVar(&v.labels, "labels", "", "the label selector of what is mirrored")
	fs.StringVar(&v.fields, "fields", "", "the field selector of what is mirrored")
	fs.BoolVar(&v.metadata, "metadata", false, "only the objects' metadata is mirrored")
	wait := fs.Duration("wait", 300*time.Second, "how long the mirror may take")
	check(fs.Parse(args))
	for _, name := range fs.Args() {
		end := time.Now().Add(*wait)
		for {
			n, diff := compareOnce(cfg, *tarn, v, name)
			if diff == "" {
				fmt.Printf("  %s: %d objects equal\n", name, n)
				break
			}
			if time.Now().After(end) {
				fmt.Printf("  %s: %s\n", name, diff)
				os.Exit(1)
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
}

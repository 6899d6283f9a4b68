package k8s_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"tarn.dev/tarn"
	"tarn.dev/tarn/k8s"
)

// Set by tests/interop/go-client.
var sim = os.Getenv("TEST_SIM")

func open(t testing.TB) (*tarn.Client, kubernetes.Interface) {
	t.Helper()
	if sim == "" {
		t.Skip("no agent: run tests/interop/go-client")
	}
	c, err := tarn.Open(tarn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.WaitSynced("", time.Minute); err != nil {
		t.Fatal(err)
	}
	return c, kubernetes.NewForConfigOrDie(&rest.Config{Host: sim, QPS: 1000, Burst: 1000, ContentConfig: rest.ContentConfig{ContentType: "application/json"}})
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never came to hold: ", what)
		}
	}
}

func sorted[T any](all []T, key func(T) string) []T {
	sort.Slice(all, func(i, j int) bool { return key(all[i]) < key(all[j]) })
	return all
}

func podKey(p *corev1.Pod) string { return p.Namespace + "/" + p.Name }

// text compares what quantities and times mean, not how they were parsed, and fieldsV1 in any order of keys.
func text(t *testing.T, obj any) string {
	var plain any
	b, err := json.Marshal(obj)
	if err == nil {
		err = json.Unmarshal(b, &plain)
	}
	if err == nil {
		b, err = json.Marshal(plain)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTypedListersAnswerAsTheServer(t *testing.T) {
	c, server := open(t)
	indexer, err := k8s.NewIndexer(c, "pods", func() runtime.Object { return &corev1.Pod{} })
	if err != nil {
		t.Fatal(err)
	}
	lister := corelisters.NewPodLister(indexer)
	list, err := server.CoreV1().Pods("").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var want []*corev1.Pod
	for i := range list.Items {
		want = append(want, &list.Items[i])
	}
	got, err := lister.List(labels.Everything())
	if err != nil {
		t.Fatal(err)
	}
	sorted(got, podKey)
	sorted(want, podKey)
	if len(got) != len(want) || len(got) < 50 {
		t.Fatal(len(got), "pods, the server has", len(want))
	}
	for i := range got {
		if a, b := text(t, got[i]), text(t, want[i]); a != b {
			n := 0
			for n < min(len(a), len(b)) && a[n] == b[n] {
				n++
			}
			t.Fatalf("%s differs: got ...%.200s, want ...%.200s", want[i].Name, a[max(0, n-40):], b[max(0, n-40):])
		}
	}
	p := want[len(want)/2]
	one, err := lister.Pods(p.Namespace).Get(p.Name)
	if err != nil || text(t, one) != text(t, p) {
		t.Fatal(err)
	}
	if again, _ := lister.Pods(p.Namespace).Get(p.Name); again != one {
		t.Error("decoded again, although nothing changed")
	}
	if _, err := lister.Pods(p.Namespace).Get("nothing"); !errors.IsNotFound(err) {
		t.Fatal(err)
	}
	some, err := lister.Pods(p.Namespace).List(labels.SelectorFromSet(labels.Set{"app": p.Labels["app"]}))
	if err != nil || len(some) == 0 {
		t.Fatal(some, err)
	}
	for _, s := range some {
		if s.Namespace != p.Namespace || s.Labels["app"] != p.Labels["app"] {
			t.Fatal(podKey(s), "does not match")
		}
	}
}

func TestIndexesOfTheAgentAndOwnOnes(t *testing.T) {
	c, _ := open(t)
	indexer, err := k8s.NewIndexer(c, "pods", func() runtime.Object { return &corev1.Pod{} })
	if err != nil {
		t.Fatal(err)
	}
	err = indexer.AddIndexers(cache.Indexers{"node": func(obj any) ([]string, error) { return []string{obj.(*corev1.Pod).Spec.NodeName}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if indexer.AddIndexers(cache.Indexers{"node": nil}) == nil {
		t.Fatal("a name given twice was taken")
	}
	nodes := indexer.ListIndexFuncValues("spec.nodeName")
	if len(nodes) < 2 {
		t.Fatal(nodes)
	}
	for _, node := range nodes {
		a, errA := indexer.IndexKeys("spec.nodeName", node)
		b, errB := indexer.IndexKeys("node", node)
		sort.Strings(b)
		if errA != nil || errB != nil || !reflect.DeepEqual(a, b) || len(a) == 0 {
			t.Fatal(node, a, b, errA, errB)
		}
	}
	pods, err := indexer.ByIndex("spec.nodeName", nodes[0])
	if err != nil {
		t.Fatal(err)
	}
	same, err := indexer.Index("node", pods[0])
	if err != nil || len(same) != len(pods) {
		t.Fatal(len(same), len(pods), err)
	}
	if _, err := indexer.ByIndex("nothing", "x"); err == nil {
		t.Fatal("an index that is not there answered")
	}
	if _, err := indexer.Index("spec.nodeName", pods[0]); err == nil {
		t.Fatal("computed an index of the agent")
	}
	for _, err := range []error{indexer.Add(pods[0]), indexer.Update(pods[0]), indexer.Delete(pods[0]), indexer.Replace(nil, "")} {
		if err != k8s.ErrReadOnly {
			t.Fatal(err)
		}
	}
	if len(indexer.ListKeys()) != len(indexer.List()) {
		t.Fatal("keys and objects differ")
	}
}

// state is what a handler can replay.
type state struct {
	mu      sync.Mutex
	objects map[string]string
	log     []string
}

func (s *state) handler(t *testing.T) cache.ResourceEventHandler {
	s.objects = map[string]string{}
	put := func(what string, obj any) {
		m := obj.(*corev1.ConfigMap)
		s.log = append(s.log, what+" "+m.Name+" "+m.Data["value"])
		s.objects[m.Name] = m.ResourceVersion
	}
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(obj any, initial bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			put("add", obj)
		},
		UpdateFunc: func(old, obj any) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if o := old.(*corev1.ConfigMap); s.objects[o.Name] != o.ResourceVersion {
				t.Error(o.Name, "updated from", o.ResourceVersion, "but", s.objects[o.Name], "was delivered")
			}
			put("update", obj)
		},
		DeleteFunc: func(obj any) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				_, name, _ := cache.SplitMetaNamespaceKey(gone.Key)
				delete(s.objects, name)
				return
			}
			delete(s.objects, obj.(*corev1.ConfigMap).Name)
		},
	}
}

func (s *state) has(name, version string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[name] == version
}

func (s *state) copied() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]string{}
	for k, v := range s.objects {
		all[k] = v
	}
	return all
}

// The drop-in: the same program with client-go's factory on the server and with ours on the mirror.
func TestAFactoryInPlaceOfClientGos(t *testing.T) {
	c, server := open(t)
	ours, theirs := &state{}, &state{}
	stop := make(chan struct{})
	var factories []informers.SharedInformerFactory
	for _, f := range []struct {
		factory informers.SharedInformerFactory
		state   *state
	}{{k8s.NewSharedInformerFactory(c, tarn.Options{}, 0), ours}, {informers.NewSharedInformerFactory(server, 0), theirs}} {
		r, err := f.factory.Core().V1().ConfigMaps().Informer().AddEventHandler(f.state.handler(t))
		if err != nil {
			t.Fatal(err)
		}
		f.factory.Start(stop)
		for kind, ok := range f.factory.WaitForCacheSync(stop) {
			if !ok {
				t.Fatal(kind, "has not synced")
			}
		}
		eventually(t, "the handler has its initial list", r.HasSynced)
		factories = append(factories, f.factory)
	}
	api := server.CoreV1().ConfigMaps("default")
	ctx := context.Background()
	for n := 0; n < 30; n++ {
		name := fmt.Sprint("churn-", n%7)
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"value": fmt.Sprint(n)}}
		old, err := api.Get(ctx, name, metav1.GetOptions{})
		switch {
		case errors.IsNotFound(err):
			_, err = api.Create(ctx, m, metav1.CreateOptions{})
		case err == nil && n%3 == 0:
			err = api.Delete(ctx, name, metav1.DeleteOptions{})
		case err == nil:
			old.Data = m.Data
			_, err = api.Update(ctx, old, metav1.UpdateOptions{})
		}
		if err != nil {
			t.Fatal(n, err)
		}
	}
	list, err := api.List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, m := range list.Items {
		want[m.Name] = m.ResourceVersion
	}
	for name, version := range want {
		eventually(t, name+" is delivered", func() bool { return ours.has(name, version) && theirs.has(name, version) })
	}
	eventually(t, "both have the same state", func() bool { return reflect.DeepEqual(ours.copied(), theirs.copied()) })
	for _, f := range factories {
		got, err := f.Core().V1().ConfigMaps().Lister().ConfigMaps("default").List(labels.Everything())
		if err != nil || len(got) != len(want) {
			t.Fatal(len(got), len(want), err)
		}
	}
	for name := range want {
		if err := api.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "what was deleted is gone", func() bool {
		return reflect.DeepEqual(ours.copied(), theirs.copied()) && !ours.has("churn-1", want["churn-1"])
	})
	close(stop)
	for _, f := range factories {
		f.Shutdown()
	}
	if !factories[0].Core().V1().ConfigMaps().Informer().IsStopped() {
		t.Fatal("still running")
	}
}

func TestHandlersComeAndGo(t *testing.T) {
	c, server := open(t)
	informer, err := k8s.NewSharedIndexInformer(c, tarn.Options{}, "configmaps", func() runtime.Object { return &corev1.ConfigMap{} }, 0)
	if err != nil {
		t.Fatal(err)
	}
	if informer.HasSynced() {
		t.Fatal("synced before it runs")
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { informer.RunWithContext(ctx); close(ended) }()
	eventually(t, "it has synced", informer.HasSynced)
	s := &state{}
	late, err := informer.AddEventHandler(s.handler(t))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a late handler has the list", func() bool { return late.HasSynced() && len(s.copied()) == len(informer.GetStore().List()) })
	if err := informer.RemoveEventHandler(late); err != nil {
		t.Fatal(err)
	}
	api := server.CoreV1().ConfigMaps("default")
	second := &state{}
	if _, err := informer.AddEventHandler(second.handler(t)); err != nil {
		t.Fatal(err)
	}
	made, err := api.Create(context.Background(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "late"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second is told", func() bool { return second.has("late", made.ResourceVersion) })
	if s.has("late", made.ResourceVersion) {
		t.Fatal("the removed handler was told")
	}
	if err := api.Delete(context.Background(), "late", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if informer.SetTransform(nil) == nil {
		t.Fatal("a transform was taken while it runs")
	}
	cancel()
	<-ended
	if _, err := informer.AddEventHandler(s.handler(t)); err == nil {
		t.Fatal("a handler was taken after the end")
	}
}

func TestUnstructuredAndTransformed(t *testing.T) {
	c, _ := open(t)
	f := k8s.NewSharedInformerFactory(c, tarn.Options{}, 0)
	nodes, err := f.ForResource(schema.GroupVersionResource{Version: "v1", Resource: "nodes"})
	if err != nil {
		t.Fatal(err)
	}
	all, err := nodes.Lister().List(labels.Everything())
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	if _, ok := all[0].(*corev1.Node); !ok {
		t.Fatalf("%T", all[0])
	}
	if _, err := f.ForResource(schema.GroupVersionResource{Group: "no.example", Version: "v1", Resource: "unicorns"}); err == nil {
		t.Fatal("a resource that is not mirrored has an informer")
	}
	informer, err := k8s.NewSharedIndexInformer(c, tarn.Options{}, "nodes", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	err = informer.SetTransform(func(obj any) (any, error) {
		obj.(*unstructured.Unstructured).SetAnnotations(map[string]string{"seen": "yes"})
		return obj, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, obj := range informer.GetStore().List() {
		u := obj.(*unstructured.Unstructured)
		if u.GetKind() != "Node" || u.GetAPIVersion() != "v1" || u.GetAnnotations()["seen"] != "yes" {
			t.Fatal(u)
		}
	}
	_ = f.Apps().V1().Deployments().Informer()
	if missing := f.Missing(); len(missing) != 1 {
		t.Fatal(missing)
	}
}

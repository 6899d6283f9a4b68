package tarn_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"tarn.dev/tarn"
)

// Set by tests/interop/go-client: a simulator, and an agent that mirrors it with nothing dropped.
var sim = os.Getenv("TEST_SIM")

func ask(t testing.TB, method, path, body string) map[string]any {
	t.Helper()
	kind := "application/json"
	if method == "PATCH" {
		kind = "application/merge-patch+json"
	}
	request, _ := http.NewRequest(method, sim+path, strings.NewReader(body))
	request.Header.Set("Content-Type", kind)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	d := json.NewDecoder(answer.Body)
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil || answer.StatusCode >= 300 {
		t.Fatal(method, path, answer.Status, err, v)
	}
	return v
}

func configMap(name, value string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q,"labels":{"app":"go"}},"data":{"value":%q}}`, name, value)
}

const configMaps = "/api/v1/namespaces/default/configmaps"

func open(t testing.TB) *tarn.Client {
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
	return c
}

func snapshot(t testing.TB, c *tarn.Client) *tarn.Snapshot {
	t.Helper()
	s, err := c.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func keys(t testing.TB, s *tarn.Snapshot, resource string, q tarn.Query) []string {
	t.Helper()
	var all []string
	for o, err := range s.List(resource, q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o.Key())
	}
	return all
}

// plain makes numbers comparable: the decoder's int64 and float64 against the server's text.
func plain(t testing.TB, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	var ret any
	if err := d.Decode(&ret); err != nil {
		t.Fatal(err)
	}
	return ret
}

func TestEveryObjectIsWhatTheServerHas(t *testing.T) {
	s := snapshot(t, open(t))
	items := ask(t, "GET", "/api/v1/pods", "")["items"].([]any)
	if len(items) < 50 {
		t.Fatal("few pods:", len(items))
	}
	for _, i := range items {
		want := i.(map[string]any)
		meta := want["metadata"].(map[string]any)
		key := meta["namespace"].(string) + "/" + meta["name"].(string)
		pod, err := s.Get("pods", key)
		if err != nil {
			t.Fatal(key, err)
		}
		m, err := pod.Map()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []map[string]any{want, m} {
			delete(v, "apiVersion")
			delete(v, "kind")
		}
		if got := plain(t, m); !reflect.DeepEqual(got, any(want)) {
			t.Fatalf("%s: got %v, want %v", key, got, want)
		}
		if pod.Key() != key || pod.Name() != meta["name"] || pod.Namespace() != meta["namespace"] || pod.UID() != meta["uid"] ||
			pod.ResourceVersion() != meta["resourceVersion"] {
			t.Fatal(key, "has other facts")
		}
	}
	if n := len(keys(t, s, "pods", tarn.Query{})); n != len(items) {
		t.Fatal(n, "listed, the server has", len(items))
	}
}

func TestListsByConditions(t *testing.T) {
	s := snapshot(t, open(t))
	all := keys(t, s, "pods", tarn.Query{Sorted: true})
	if !sort.StringsAreSorted(all) {
		t.Fatal("not sorted")
	}
	nodes, err := s.IndexValues("pods", "spec.nodeName")
	if err != nil || len(nodes) < 2 {
		t.Fatal(nodes, err)
	}
	node := nodes[len(nodes)-1]
	var there []string
	for pod, err := range s.ByIndex("pods", "spec.nodeName", node) {
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := pod.Text("spec.nodeName"); !ok || n != node {
			t.Fatal(pod.Key(), "is on", n)
		}
		there = append(there, pod.Key())
	}
	sort.Strings(there)
	by, err := s.IndexKeys("pods", "spec.nodeName", node)
	if err != nil || !reflect.DeepEqual(by, there) {
		t.Fatal(by, err)
	}
	if got := keys(t, s, "pods", tarn.Query{Fields: "spec.nodeName=" + node, Sorted: true}); !reflect.DeepEqual(got, there) {
		t.Fatal("by field:", got)
	}
	ns := strings.Split(all[0], "/")[0]
	if a, b := keys(t, s, "pods", tarn.Query{Namespace: ns, Sorted: true}), keys(t, s, "pods", tarn.Query{Prefix: ns + "/"}); !reflect.DeepEqual(a, b) || len(a) == 0 {
		t.Fatal(a, b)
	}
	var paged []string
	for after := ""; ; {
		page := keys(t, s, "pods", tarn.Query{Limit: 7, After: after})
		paged = append(paged, page...)
		if len(page) < 7 {
			break
		}
		after = page[6]
	}
	if !reflect.DeepEqual(paged, all) {
		t.Fatal("pages are not the list")
	}
	for range s.List("pods", tarn.Query{}) {
		break // a walk may be left
	}
}

func TestErrorsHaveCodes(t *testing.T) {
	c := open(t)
	s := snapshot(t, c)
	_, err := s.Get("pods", "no/pod")
	if !errors.Is(err, tarn.ErrNotFound) {
		t.Fatal(err)
	}
	if _, err = s.Get("unicorns", "a/b"); !errors.Is(err, tarn.ErrResource) {
		t.Fatal(err)
	}
	if _, err = s.Get(strings.Repeat("x", 5000), "a/b"); !errors.Is(err, tarn.ErrResource) {
		t.Fatal(err)
	}
	for _, q := range []struct {
		q    tarn.Query
		want error
	}{{tarn.Query{Labels: "a in ("}, tarn.ErrSelector}, {tarn.Query{Fields: "a"}, tarn.ErrSelector}, {tarn.Query{Index: "spec.nothing"}, tarn.ErrIndexMissing}} {
		for _, err := range s.List("pods", q.q) {
			if !errors.Is(err, q.want) {
				t.Fatal(q, err)
			}
		}
	}
	if _, err := tarn.Open(tarn.Options{Socket: "/nowhere/tarn.sock"}); !errors.Is(err, tarn.ErrNoAgent) || !strings.Contains(err.Error(), "/nowhere/tarn.sock") {
		t.Fatal(err)
	}
	if err := c.WaitCommit(1<<62, 20*time.Millisecond); !errors.Is(err, tarn.ErrTimeout) {
		t.Fatal(err)
	}
	s.Close()
	if _, err := s.Get("pods", "a/b"); !errors.Is(err, tarn.ErrClosed) {
		t.Fatal(err)
	}
	for _, err := range s.List("pods", tarn.Query{}) {
		if !errors.Is(err, tarn.ErrClosed) {
			t.Fatal(err)
		}
	}
}

func TestResourcesAndInfo(t *testing.T) {
	c := open(t)
	s := snapshot(t, c)
	all, err := s.Resources()
	if err != nil || len(all) < 4 {
		t.Fatal(all, err)
	}
	pods, err := s.Resource("po")
	if err != nil || pods.Name != "pods" || pods.Kind != "Pod" || !pods.Synced || int(pods.Objects) != len(keys(t, s, "pods", tarn.Query{})) {
		t.Fatal(pods, err)
	}
	if len(pods.Indexes) < 2 {
		t.Fatal(pods.Indexes)
	}
	if i, err := c.Info(); err != nil || !i.AgentAlive || i.Generation != s.Generation() || i.Commit < s.Commit() {
		t.Fatal(i, err)
	}
}

func TestOwnWritesAreRead(t *testing.T) {
	c := open(t)
	made := ask(t, "POST", configMaps, configMap("own", "1"))
	defer ask(t, "DELETE", configMaps+"/own", "")
	if err := c.WaitResourceVersion("configmaps", made["metadata"].(map[string]any)["resourceVersion"].(string), time.Minute); err != nil {
		t.Fatal(err)
	}
	o, err := snapshot(t, c).Get("configmaps", "default/own")
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := o.Text("data.value"); !ok || v != "1" {
		t.Fatal(v, ok)
	}
	if _, ok := o.Text("data.nothing"); ok {
		t.Fatal("found what is not there")
	}
	if b, err := o.JSON(); err != nil || !json.Valid(b) {
		t.Fatal(string(b), err)
	}
}

func TestHandlersSeeEveryChange(t *testing.T) {
	c := open(t)
	made := ask(t, "POST", configMaps, configMap("before", "1"))
	if err := c.WaitResourceVersion("configmaps", made["metadata"].(map[string]any)["resourceVersion"].(string), time.Minute); err != nil {
		t.Fatal(err)
	}
	inf, err := tarn.NewInformer(tarn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 100)
	id, err := inf.Watch(tarn.Watch{Resource: "configmaps", Labels: "app=go", Handler: tarn.Handler{
		Add: func(o tarn.Object, initial bool) { seen <- fmt.Sprint("add ", o.Name(), " ", initial) },
		Update: func(old, o tarn.Object) {
			was, _ := old.Text("data.value")
			is, _ := o.Text("data.value")
			seen <- "update " + o.Name() + " " + was + " " + is
		},
		Delete: func(o tarn.Object) { seen <- "delete " + strings.TrimPrefix(o.Key(), "default/") },
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- inf.Run(ctx) }()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-seen:
			if got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("no %q", want)
		}
	}
	expect("add before true")
	for end := time.Now().Add(time.Minute); !inf.HasSynced(id) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	ask(t, "POST", configMaps, configMap("now", "1"))
	expect("add now false")
	ask(t, "PATCH", configMaps+"/now", `{"data":{"value":"2"}}`)
	expect("update now 1 2")
	ask(t, "DELETE", configMaps+"/now", "")
	expect("delete now")
	ask(t, "DELETE", configMaps+"/before", "")
	expect("delete before")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	inf.Close()
	inf.Close()
	if _, err := inf.Process(); !errors.Is(err, tarn.ErrClosed) {
		t.Fatal(err)
	}
	if _, err := inf.Watch(tarn.Watch{Resource: "pods"}); !errors.Is(err, tarn.ErrClosed) {
		t.Fatal(err)
	}
}

func userTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano())
}

func BenchmarkGet(b *testing.B) {
	s := snapshot(b, open(b))
	all := keys(b, s, "pods", tarn.Query{})
	// Every key once, in an order without neighbours, and laid out in that order: what is measured is the get, not finding the keys.
	step := 1000003 % len(all)
	for len(all)%max(step, 1) == 0 {
		step++
	}
	var text strings.Builder
	order := make([]string, len(all))
	for i, at := 0, 0; i < len(order); i, at = i+1, (at+step)%len(all) {
		text.WriteString(all[at])
		order[i] = all[at]
	}
	for i, rest := 0, text.String(); i < len(order); i++ {
		order[i], rest = rest[:len(order[i])], rest[len(order[i]):]
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := userTime()
	for i, at := 0, 0; i < b.N; i++ {
		if _, err := s.Get("pods", order[at]); err != nil {
			b.Fatal(err)
		}
		if at++; at == len(order) {
			at = 0
		}
	}
	b.ReportMetric(float64(userTime()-before)/float64(b.N), "user-ns/op") // counts no other process's turns
}

func BenchmarkList(b *testing.B) {
	s := snapshot(b, open(b))
	b.ResetTimer()
	for n := 0; n < b.N; {
		for range s.List("pods", tarn.Query{}) {
			if n++; n == b.N {
				break
			}
		}
	}
}

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"time"
)

// entry is one exchange as a client sees it, less what differs from run to run.
type entry struct {
	Name   string `json:"name"`
	Code   int    `json:"code,omitempty"`
	Type   string `json:"type,omitempty"` // of the content
	Warn   any    `json:"warn,omitempty"`
	Body   any    `json:"body,omitempty"`
	Events []any  `json:"events,omitempty"`
}

// target is a server under the program; its transcript grows with every call.
type target struct {
	name    string
	base    string
	http    *http.Client
	entries []entry
}

type request struct {
	method, path, body string
	contentType        string // of the body; "": JSON
	accept             string
}

func (t *target) send(r request) (*http.Response, error) {
	req, err := http.NewRequest(r.method, t.base+r.path, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	if r.body != "" {
		req.Header.Set("Content-Type", r.contentType)
		if r.contentType == "" {
			req.Header.Set("Content-Type", "application/json")
		}
	}
	req.Header.Set("Accept", "application/json")
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	req.Header.Set("User-Agent", "conform/1")
	return t.http.Do(req)
}

// do makes a request, records the answer under name, and returns its JSON object (nil: it is none).
func (t *target) do(name string, r request) map[string]any {
	resp, err := t.send(r)
	check(err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	check(err)
	e := entry{Name: name, Code: resp.StatusCode, Type: strings.SplitN(resp.Header.Get("Content-Type"), ";", 2)[0]}
	if w := resp.Header.Values("Warning"); len(w) > 0 {
		e.Warn = fmt.Sprint(w)
	}
	var v map[string]any
	if json.Unmarshal(data, &v) == nil {
		e.Body = decode(data)
	} else {
		e.Body = string(data)
	}
	t.entries = append(t.entries, e)
	return v
}

// watch reads events until there are n of them or the server ends the stream, while during (if any) changes something.
func (t *target) watch(name, path string, n int, accept string, during func()) {
	e := entry{Name: name}
	resp, err := t.send(request{method: "GET", path: path, accept: accept})
	check(err)
	defer resp.Body.Close()
	e.Code = resp.StatusCode
	if during != nil {
		go func() {
			time.Sleep(100 * time.Millisecond) // the watch is up: its headers have come
			during()
		}()
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 4<<20)
	for len(e.Events) < n && lines.Scan() {
		e.Events = append(e.Events, decode(lines.Bytes()))
	}
	t.entries = append(t.entries, e)
}

func decode(data []byte) any {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return string(data)
	}
	return plain(v)
}

// ---- what is the same in two runs ------------------------------------------------------------------------

var (
	uidText  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	timeText = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	addrText = regexp.MustCompile(`\b10\.9[67]\.\d+\.\d+\b`)
	ageText  = regexp.MustCompile(`^\d+[smh]$`)
	currentN = regexp.MustCompile(`current: \d+`)
	madeName = regexp.MustCompile(`\bgen-[a-z0-9]{5}\b`)
)

// walk replaces every value in v by f of it, bottom up; path is where it is.
func walk(v any, path string, f func(path string, v any) any) any {
	switch t := v.(type) {
	case map[string]any:
		for k, e := range t {
			if e = walk(e, path+"."+k, f); e == nil {
				delete(t, k)
			} else {
				t[k] = e
			}
		}
	case []any:
		for i, e := range t {
			t[i] = walk(e, path+"[]", f)
		}
	}
	return f(path, v)
}

// What a server with admission plug-ins adds, and tarn-apisim (docs/apisim.md) does not; nor has it descriptions.
var ofAdmission = regexp.MustCompile(`\.spec\.(tolerations|priority|preemptionPolicy)$|\.status\.(qosClass|observedGeneration)$`)

// versions are the resourceVersions of objects in the order of their making: the first is "1".
type versions map[string]string

func isVersion(path string) bool { return strings.HasSuffix(path, ".metadata.resourceVersion") }

func collect(entries []entry) versions {
	seen := map[int64]bool{}
	note := func(path string, v any) any {
		if s, ok := v.(string); ok && isVersion(path) && !isListVersion(path) {
			var n int64
			fmt.Sscan(s, &n)
			seen[n] = true
		}
		return v
	}
	for i := range entries {
		entries[i].Body = walk(entries[i].Body, listPrefix(entries[i].Body), note)
		for _, ev := range entries[i].Events {
			walk(ev, eventPrefix(ev), note)
		}
	}
	order := make([]int64, 0, len(seen))
	for n := range seen {
		order = append(order, n)
	}
	sort.Slice(order, func(i, j int) bool { return order[i] < order[j] })
	out := versions{}
	for i, n := range order {
		out[fmt.Sprint(n)] = fmt.Sprint("version ", i+1)
	}
	return out
}

// The version of a list, or of a bookmark, is only known to be one.
func isListVersion(path string) bool {
	return strings.HasPrefix(path, "list.metadata") || strings.HasPrefix(path, "bookmark")
}

func listPrefix(v any) string {
	if m, ok := v.(map[string]any); ok {
		if kind, _ := m["kind"].(string); strings.HasSuffix(kind, "List") || kind == "Table" {
			return "list"
		}
	}
	return ""
}

func eventPrefix(v any) string {
	if m, ok := v.(map[string]any); ok && m["type"] == "BOOKMARK" {
		return "bookmark"
	}
	return ""
}

func normal(v any, prefix string, known versions) any {
	return walk(v, prefix, func(path string, v any) any {
		if ofAdmission.MatchString(path) || strings.HasSuffix(path, ".columnDefinitions[].description") {
			return nil
		}
		s, ok := v.(string)
		switch {
		case !ok:
			return v
		case isVersion(path) && isListVersion(path):
			return "a version"
		case isVersion(path):
			return known[s]
		case strings.HasSuffix(path, ".continue"):
			return "a token"
		}
		s = uidText.ReplaceAllString(s, "UID")
		s = timeText.ReplaceAllString(s, "TIME")
		s = addrText.ReplaceAllString(s, "ADDRESS")
		s = currentN.ReplaceAllString(s, "current: N")
		s = madeName.ReplaceAllString(s, "gen-NAME")
		return ageText.ReplaceAllString(s, "AGE")
	})
}

func (t *target) normalize() {
	known := collect(t.entries)
	for i := range t.entries {
		e := &t.entries[i]
		e.Body = normal(e.Body, listPrefix(e.Body), known)
		for j := range e.Events {
			e.Events[j] = normal(e.Events[j], eventPrefix(e.Events[j]), known)
		}
	}
}

// ---- what differs -------------------------------------------------------------------------------------------

// unlike lists the places where a and b differ.
func unlike(path string, a, b any, out *[]string) {
	ma, okA := a.(map[string]any)
	mb, okB := b.(map[string]any)
	if okA && okB {
		keys := map[string]bool{}
		for k := range ma {
			keys[k] = true
		}
		for k := range mb {
			keys[k] = true
		}
		for k := range keys {
			unlike(path+"."+k, ma[k], mb[k], out)
		}
		return
	}
	la, okA := a.([]any)
	lb, okB := b.([]any)
	if okA && okB && len(la) == len(lb) {
		for i := range la {
			unlike(fmt.Sprintf("%s[%d]", path, i), la[i], lb[i], out)
		}
		return
	}
	if !reflect.DeepEqual(a, b) {
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		*out = append(*out, fmt.Sprintf("    %s\n      real      %.900s\n      simulator %.900s", path, x, y))
	}
}

// compareTranscripts prints every exchange that differs and counts.
func compareTranscripts(real, sim *target) (same, different int) {
	for i, a := range real.entries {
		b := sim.entries[i]
		var diffs []string
		if a.Code != b.Code || a.Type != b.Type {
			diffs = append(diffs, fmt.Sprintf("    real %d %s, simulator %d %s", a.Code, a.Type, b.Code, b.Type))
		}
		if ownWords[a.Name] {
			delete(a.Body.(map[string]any), "message")
			delete(b.Body.(map[string]any), "message")
		}
		unlike("", a.Body, b.Body, &diffs)
		unlike("warnings", a.Warn, b.Warn, &diffs)
		var ea, eb any = a.Events, b.Events
		unlike("events", ea, eb, &diffs)
		if len(diffs) == 0 {
			same++
			continue
		}
		different++
		sort.Strings(diffs)
		fmt.Printf("  %s differs:\n%s\n", a.Name, strings.Join(diffs, "\n"))
	}
	return same, different
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"

	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// The kinds that tarn-apisim serves.
var simulated = map[string][]string{
	"api/v1":                       {"ConfigMap", "Endpoints", "Event", "Namespace", "Node", "Pod", "Secret", "Service", "ServiceAccount"},
	"apis/apiextensions.k8s.io/v1": {"CustomResourceDefinition"},
	"apis/apps/v1":                 {"DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"},
	"apis/batch/v1":                {"Job"},
	"apis/coordination.k8s.io/v1":  {"Lease"},
	"apis/discovery.k8s.io/v1":     {"EndpointSlice"},
}

const typePrefix = "io.k8s."

type schemaNode struct {
	Type       string                 `json:"type"`
	Format     string                 `json:"format"`
	Ref        string                 `json:"$ref"`
	AllOf      []*schemaNode          `json:"allOf"`
	OneOf      []*schemaNode          `json:"oneOf"`
	Required   []string               `json:"required"`
	Properties map[string]*schemaNode `json:"properties"`
	Items      *schemaNode            `json:"items"`
	Additional *schemaNode            `json:"additionalProperties"`
	Default    json.RawMessage        `json:"default"`
	ListType   string                 `json:"x-kubernetes-list-type"`
	ListKeys   []string               `json:"x-kubernetes-list-map-keys"`
	MapType    string                 `json:"x-kubernetes-map-type"`
	MergeKey   string                 `json:"x-kubernetes-patch-merge-key"`
	Strategy   string                 `json:"x-kubernetes-patch-strategy"`
	Kinds      []struct {
		Group, Version, Kind string
	} `json:"x-kubernetes-group-version-kind"`
}

func (n *schemaNode) ref() string {
	r := n.Ref
	if r == "" && len(n.AllOf) == 1 {
		r = n.AllOf[0].Ref
	}
	return strings.TrimPrefix(r, "#/components/schemas/")
}

// typeText is the type of a position, as the table writes it.
func (n *schemaNode) typeText() string {
	switch {
	case n.ref() != "":
		return "@" + strings.TrimPrefix(n.ref(), typePrefix)
	case n.Type == "array":
		return "[]" + n.Items.typeText()
	case n.Additional != nil:
		return "{}" + n.Additional.typeText()
	case len(n.OneOf) > 0:
		format := n.Format
		if format == "" {
			format = "quantity"
		}
		return "string:" + format
	case n.Type == "":
		return "any"
	case n.Format != "":
		return n.Type + ":" + n.Format
	}
	return n.Type
}

func (n *schemaNode) attributes() string {
	s := ""
	switch n.ListType {
	case "set", "atomic":
		s += ";" + n.ListType
	case "map":
		s += ";map=" + strings.Join(n.ListKeys, ",")
	}
	if n.MapType == "atomic" {
		s += ";atomic"
	}
	for _, strategy := range strings.Split(n.Strategy, ",") {
		switch {
		case strategy == "merge" && n.MergeKey != "":
			s += ";merge=" + n.MergeKey
		case strategy != "":
			s += ";" + strategy
		}
	}
	if n.Default != nil {
		s += ";default=" + strings.ReplaceAll(string(n.Default), " ", "")
	}
	return s
}

func (n *schemaNode) line(name string) string {
	var b strings.Builder
	b.WriteString(strings.TrimPrefix(name, typePrefix) + n.attributes())
	if len(n.Properties) == 0 {
		return b.String() + " =" + n.typeText()
	}
	required := map[string]bool{}
	for _, r := range n.Required {
		required[r] = true
	}
	names := make([]string, 0, len(n.Properties))
	for p := range n.Properties {
		names = append(names, p)
	}
	sort.Strings(names)
	for _, p := range names {
		mark := ""
		if required[p] {
			mark = "!"
		}
		b.WriteString(" " + p + mark + ":" + n.Properties[p].typeText() + n.Properties[p].attributes())
	}
	return b.String()
}

// refs calls f with every type that n names.
func (n *schemaNode) refs(f func(string)) {
	if n == nil {
		return
	}
	if n.ref() != "" {
		f(n.ref())
	}
	for _, p := range n.Properties {
		p.refs(f)
	}
	n.Items.refs(f)
	n.Additional.refs(f)
}

func openapi(cfg *rest.Config, path string) map[string]*schemaNode {
	c := rest.CopyConfig(cfg)
	c.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(c)
	check(err)
	body, err := client.Get().AbsPath("/openapi/v3/" + path).DoRaw(context.Background())
	check(err)
	var doc struct {
		Components struct {
			Schemas map[string]*schemaNode `json:"schemas"`
		} `json:"components"`
	}
	check(json.Unmarshal(body, &doc))
	return doc.Components.Schemas
}

// schemaMain prints the types of the simulated kinds as the server's /openapi/v3 tells them: names, types, list and merge
// keys, defaults; no descriptions. It is how tools/apisim/schema.txt is made, and the check that it is still true.
func schemaMain(cfg *rest.Config) {
	lines := map[string]string{}
	var kinds []string
	for path, names := range simulated {
		schemas := openapi(cfg, path)
		var add func(name string)
		add = func(name string) {
			if _, known := lines[name]; known {
				return
			}
			lines[name] = schemas[name].line(name)
			schemas[name].refs(add)
		}
		for name, s := range schemas {
			for _, k := range s.Kinds {
				for _, wanted := range names {
					if k.Kind == wanted && strings.HasSuffix(path, strings.TrimPrefix(k.Group+"/"+k.Version, "/")) {
						kinds = append(kinds, fmt.Sprintf("kind %s/%s/%s %s", k.Group, k.Version, k.Kind, strings.TrimPrefix(name, typePrefix)))
						add(name)
					}
				}
			}
		}
	}
	sort.Strings(kinds)
	types := make([]string, 0, len(lines))
	for _, l := range lines {
		types = append(types, l)
	}
	sort.Strings(types)
	fmt.Fprintln(os.Stdout, strings.Join(append(kinds, types...), "\n"))
}

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

const loadedNamespaces = 10

// loadMain makes the pods of a recorded list over and over, under names of their own, with what a server sets left out.
func loadMain(c dynamic.Interface, args []string) {
	fs := flag.NewFlagSet("load", flag.ExitOnError)
	pods := fs.Int("pods", 10000, "how many")
	file := fs.String("list", "", "a recorded list of pods")
	check(fs.Parse(args))
	text, err := os.ReadFile(*file)
	check(err)
	var list struct{ Items []map[string]any }
	check(json.Unmarshal(text, &list))
	for i := range loadedNamespaces {
		_, err := c.Resource(namespacesResource).Create(context.Background(), object("v1", "Namespace", "", fmt.Sprintf("load-%d", i), nil), metav1.CreateOptions{})
		if !errors.IsAlreadyExists(err) {
			check(err)
		}
	}
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range 32 {
		workers.Go(func() {
			for i := range numbers {
				loadPod(c, list.Items[i%len(list.Items)], i)
			}
		})
	}
	for i := range *pods {
		numbers <- i
	}
	close(numbers)
	workers.Wait()
}

// loadPod makes one; a server without a scheduler and a kubelet leaves its node and status as they are given.
func loadPod(c dynamic.Interface, recorded map[string]any, i int) {
	u := (&unstructured.Unstructured{Object: recorded}).DeepCopy()
	labels, annotations, status := u.GetLabels(), u.GetAnnotations(), u.Object["status"]
	delete(u.Object, "status")
	u.Object["metadata"] = map[string]any{"name": fmt.Sprintf("pod-%05d", i), "namespace": fmt.Sprintf("load-%d", i%loadedNamespaces)}
	u.SetLabels(labels)
	u.SetAnnotations(annotations)
	u.SetAPIVersion("v1")
	u.SetKind("Pod")
	pods := c.Resource(resources["pods"].gvr).Namespace(u.GetNamespace())
	made, err := pods.Create(context.Background(), u, metav1.CreateOptions{})
	check(err)
	if status != nil {
		made.Object["status"] = status
		_, err = pods.UpdateStatus(context.Background(), made, metav1.UpdateOptions{})
		check(err)
	}
}

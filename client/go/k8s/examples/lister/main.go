// lister asks the mirror through client-go's own listers: typed ones, and one for objects without a Go type.
package main

import (
	"fmt"
	"log"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamiclister"
	corelisters "k8s.io/client-go/listers/core/v1"

	"tarn.dev/tarn"
	"tarn.dev/tarn/k8s"
)

func main() {
	client, err := tarn.Open(tarn.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.WaitSynced("", 30*time.Second); err != nil {
		log.Fatal(err)
	}

	pods, err := k8s.NewIndexer(client, "pods", func() runtime.Object { return &corev1.Pod{} })
	if err != nil {
		log.Fatal(err)
	}
	typed, err := corelisters.NewPodLister(pods).Pods(corev1.NamespaceDefault).List(labels.Everything())
	if err != nil {
		log.Fatal(err)
	}
	for _, pod := range typed {
		fmt.Println("pod", pod.Name, pod.Status.Phase)
	}

	services, err := k8s.NewIndexer(client, "services", nil)
	if err != nil {
		log.Fatal(err)
	}
	untyped, err := dynamiclister.New(services, schema.GroupVersionResource{Version: "v1", Resource: "services"}).List(labels.Everything())
	if err != nil {
		log.Fatal(err)
	}
	for _, service := range untyped {
		fmt.Println("service", service.GetNamespace()+"/"+service.GetName())
	}
}

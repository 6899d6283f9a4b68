// podsonnode prints the pods of one node: from the index, without a copy.
//
//	go run ./examples/podsonnode [NODE]        without one: the node of the first pod that has one
package main

import (
	"fmt"
	"log"
	"os"
	"time"

	"tarn.dev/tarn"
)

func main() {
	client, err := tarn.Open(tarn.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.WaitSynced("pods", 30*time.Second); err != nil {
		log.Fatal(err)
	}
	snapshot, err := client.Snapshot()
	if err != nil {
		log.Fatal(err)
	}
	node := append(os.Args[1:], firstNode(snapshot))[0]
	for pod, err := range snapshot.ByIndex("pods", "spec.nodeName", node) {
		if err != nil {
			log.Fatal(err)
		}
		phase, _ := pod.Text("status.phase")
		fmt.Println(pod.Key(), phase)
	}
	if err := snapshot.Close(); err != nil { // what was printed does not count
		log.Fatal(err)
	}
}

func firstNode(s *tarn.Snapshot) string {
	nodes, err := s.IndexValues("pods", "spec.nodeName")
	if err != nil || len(nodes) == 0 {
		log.Fatal("no pod is on a node: ", err)
	}
	return nodes[0]
}

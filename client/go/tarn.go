// Package tarn reads a Kubernetes cluster's state from the memory that tarnd shares on this host.
//
//	client, err := tarn.Open(tarn.Options{})
//	snapshot, err := client.Snapshot()
//	pod, err := snapshot.Get("pods", "default/web-1")
//	phase, ok := pod.Text("status.phase")
//	for pod, err := range snapshot.ByIndex("pods", "spec.nodeName", "node-7") { ... }
//	err = snapshot.Close() // act on what was read only if it is nil
//
// Objects point into shared memory: they are good until their snapshot is closed, and nothing is copied or decoded until it is
// asked for. What is to stay is copied (Object.JSON, Object.Map, strings).
//
// The package k8s.io users want is tarn.dev/tarn/k8s: listers and informers with client-go's interfaces on top of this one.
package tarn

/*
#cgo pkg-config: tarn
#cgo noescape go_get
#cgo nocallback go_get
#cgo noescape go_string
#cgo nocallback go_string
#include "shim.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"
)

// Error is what libtarn answers: the name of its code, such as TARN_E_NOAGENT, and a sentence.
type Error struct {
	Code    string
	Message string
	code    C.int
}

func (e *Error) Error() string { return e.Message }

// Is makes errors.Is(err, tarn.ErrExpired) compare codes.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.code == e.code
}

func sentinel(code C.int) *Error {
	return &Error{Code: C.GoString(C.tarn_error_name(code)), Message: C.GoString(C.tarn_strerror(code)), code: code}
}

// Errors to compare with errors.Is.
var (
	ErrNotFound     error = sentinel(C.TARN_E_NOTFOUND)      // no object under the key
	ErrNoAgent      error = sentinel(C.TARN_E_NOAGENT)       // nothing listens at the socket
	ErrAccess       error = sentinel(C.TARN_E_PERM)          // the socket or the agent refuses this user
	ErrExpired      error = sentinel(C.TARN_E_EXPIRED)       // memory pressure ended the snapshot: what was read does not count
	ErrResource     error = sentinel(C.TARN_E_RESOURCE)      // the resource is not mirrored here
	ErrIndexMissing error = sentinel(C.TARN_E_INDEX_MISSING) // the resource has no such index
	ErrSelector     error = sentinel(C.TARN_E_SELECTOR)      // a selector does not parse
	ErrTimeout      error = sentinel(C.TARN_E_TIMEOUT)       // what was waited for did not come in time
)

// ErrClosed is what a closed client or snapshot answers.
var ErrClosed = errors.New("tarn: closed")

func newError(code C.int, err *C.struct_tarn_error) error {
	e := sentinel(code)
	if err != nil && err.message[0] != 0 {
		e.Message = C.GoString(&err.message[0])
	}
	return e
}

// Options of Open and NewInformer; the zero value is the default of each.
type Options struct {
	Socket  string        // "": $TARN_SOCKET, else /run/tarn/tarn.sock
	Realm   string        // "": $TARN_REALM, else "cluster"
	Timeout time.Duration // how long to wait for the agent's answer; 0: 5 s
}

// with calls fn with the options as C has them.
func (o Options) with(fn func(*C.struct_tarn_client_options)) {
	var c C.struct_tarn_client_options
	socket, realm := cstring(o.Socket), cstring(o.Realm)
	defer C.free(unsafe.Pointer(socket))
	defer C.free(unsafe.Pointer(realm))
	c.socket, c.realm, c.timeout_ms = socket, realm, C.uint32_t(o.Timeout.Milliseconds())
	fn(&c)
}

// cstring is s for C, NULL for "". The caller frees it.
func cstring(s string) *C.char {
	if s == "" {
		return nil
	}
	return C.CString(s)
}

// Client is an attachment to the agent of this host. It may be shared by goroutines.
type Client struct {
	c  *C.struct_tarn_client
	mu sync.RWMutex // closing waits for calls under way
}

// Open attaches to the agent.
func Open(o Options) (*Client, error) {
	var c *C.struct_tarn_client
	var cerr C.struct_tarn_error
	var code C.int
	o.with(func(options *C.struct_tarn_client_options) { code = C.tarn_client_open(options, &c, &cerr) })
	if code != 0 {
		return nil, newError(code, &cerr)
	}
	return &Client{c: c}, nil
}

// Close detaches. Snapshots that are open stay good until they are closed.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	C.tarn_client_close(c.c)
	c.c = nil
}

// Snapshot opens one consistent moment of every resource. Close it.
func (c *Client) Snapshot() (*Snapshot, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.c == nil {
		return nil, ErrClosed
	}
	var cerr C.struct_tarn_error
	s := &Snapshot{}
	if code := C.tarn_snapshot_open(c.c, &s.s, &cerr); code != 0 {
		return nil, newError(code, &cerr)
	}
	return s, nil
}

func milliseconds(d time.Duration) C.uint32_t {
	if d < 0 {
		return C.TARN_WAIT_FOREVER
	}
	return C.uint32_t(min(d.Milliseconds(), 1<<31))
}

// WaitSynced waits until the resource ("": every one) was listed once. A negative timeout waits for ever.
func (c *Client) WaitSynced(resource string, timeout time.Duration) error {
	return c.wait(func(cerr *C.struct_tarn_error) C.int {
		name := cstring(resource)
		defer C.free(unsafe.Pointer(name))
		return C.tarn_wait_synced(c.c, name, milliseconds(timeout), cerr)
	})
}

// WaitResourceVersion waits until the mirror of the resource is at least as new: read your own writes.
func (c *Client) WaitResourceVersion(resource, resourceVersion string, timeout time.Duration) error {
	return c.wait(func(cerr *C.struct_tarn_error) C.int {
		name, version := C.CString(resource), C.CString(resourceVersion)
		defer C.free(unsafe.Pointer(name))
		defer C.free(unsafe.Pointer(version))
		return C.tarn_wait_rv(c.c, name, version, milliseconds(timeout), cerr)
	})
}

// WaitCommit waits until there is a newer commit than this one.
func (c *Client) WaitCommit(commit uint64, timeout time.Duration) error {
	return c.wait(func(*C.struct_tarn_error) C.int {
		return C.tarn_wait_commit(c.c, C.uint64_t(commit), milliseconds(timeout))
	})
}

func (c *Client) wait(fn func(*C.struct_tarn_error) C.int) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.c == nil {
		return ErrClosed
	}
	var cerr C.struct_tarn_error
	if code := fn(&cerr); code != 0 {
		return newError(code, &cerr)
	}
	return nil
}

// Info is what is known of the agent and its region.
type Info struct {
	Socket, Realm, Agent string
	AgentAlive           bool
	HeartbeatAge         time.Duration
	Commit, Generation   uint64
	RegionBytes          uint64
	Attachments          int
	LastError            string
}

// Info tells whether the agent lives and how old what we read is. It never waits.
func (c *Client) Info() (Info, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.c == nil {
		return Info{}, ErrClosed
	}
	var i C.struct_tarn_client_info
	if code := C.tarn_client_info(c.c, &i); code != 0 {
		return Info{}, newError(code, nil)
	}
	return Info{
		Socket: C.GoString(&i.socket[0]), Realm: C.GoString(&i.realm[0]), Agent: C.GoString(&i.agent[0]), AgentAlive: bool(i.agent_alive),
		HeartbeatAge: time.Duration(i.heartbeat_age_ms) * time.Millisecond, Commit: uint64(i.commit), Generation: uint64(i.generation),
		RegionBytes: uint64(i.region_bytes), Attachments: int(i.attachments), LastError: C.GoString(&i.last_error_message[0]),
	}, nil
}

func text(b C.struct_tarn_bytes) string {
	return C.GoStringN(b.data, C.int(b.len))
}

func (i Info) String() string {
	return fmt.Sprintf("agent %s at %s, realm %s, commit %d of generation %d", i.Agent, i.Socket, i.Realm, i.Commit, i.Generation)
}

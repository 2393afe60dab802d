package main

import (
	"bufio"
	"cmp"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// longestLine bounds a line of a client's, its end included.
const longestLine = 64 << 10

// A pod is what all connections to this process have in common.
type pod struct {
	name  string
	ready atomic.Bool
}

// A client is one connection. Everything it says is read through lines, which may hold more than was asked for.
type client struct {
	*net.TCPConn
	lines  *bufio.Reader
	pod    *pod
	number int
}

// runPod serves one connection after the other, so that a second one in a pod would be found out. It returns only
// if it cannot.
func runPod(program program, arguments []string) error {
	pod := &pod{name: podName()}
	if *health != 0 {
		if err := pod.serveHealth(*health); err != nil {
			return err
		}
	}
	if *gate != "" {
		waitForGate(*gate)
	}
	listener, err := listen(podAddress())
	if err != nil {
		return err
	}
	pod.ready.Store(true)
	fmt.Println("listening on", listener.Addr())
	for number := 1; ; number++ {
		connection, err := listener.AcceptTCP()
		if err != nil {
			return err
		}
		fmt.Println("connection", number)
		client := &client{connection, bufio.NewReaderSize(connection, longestLine), pod, number}
		if err := program.serve(client, arguments); err != nil {
			log.Print("connection ", number, ": ", err)
		}
		client.Close()
	}
}

// serveHealth answers a readiness probe, for as long as the process lives.
func (pod *pod) serveHealth(port int) error {
	listener, err := listen(net.JoinHostPort(os.Getenv("POD_IP"), strconv.Itoa(port)))
	if err != nil {
		return err
	}
	paths := http.NewServeMux()
	paths.HandleFunc("GET /ready", func(response http.ResponseWriter, _ *http.Request) {
		if !pod.ready.Load() {
			http.Error(response, "not ready", http.StatusServiceUnavailable)
		}
	})
	server := http.Server{Handler: paths, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	go func() { log.Fatal(server.Serve(listener)) }()
	return nil
}

func listen(address string) (*net.TCPListener, error) {
	place, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	return net.ListenTCP("tcp", place)
}

func podAddress() string {
	return net.JoinHostPort(cmp.Or(os.Getenv("POD_IP"), "0.0.0.0"), cmp.Or(os.Getenv("PORT"), "8080"))
}

func podName() string {
	host, _ := os.Hostname()
	return cmp.Or(os.Getenv("POD_NAME"), host)
}

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long a pod waits for somebody else before it calls them silent.
const patience = time.Second

// reach tcp|udp HOST:PORT [tcp|udp HOST:PORT..] tries to get to all of these at once, and answers for each "reached",
// "refused" or "silent". Over TCP it is enough to be connected; over UDP the same datagram must come back.
func reach(_ *client, argument string) (string, error) {
	words := strings.Fields(argument)
	if len(words) == 0 || len(words)%2 != 0 {
		return "", fmt.Errorf("no pairs of tcp or udp and HOST:PORT: %q", argument)
	}
	answers, failures := make([]string, len(words)/2), make([]error, len(words)/2)
	var tries sync.WaitGroup
	for index := range answers {
		tries.Go(func() { answers[index], failures[index] = try(words[2*index], words[2*index+1]) })
	}
	tries.Wait()
	return strings.Join(answers, " "), errors.Join(failures...)
}

func try(network, address string) (string, error) {
	switch network {
	case "tcp":
		return verdict(connect(address))
	case "udp":
		return verdict(exchange(address))
	}
	return "", fmt.Errorf("neither tcp nor udp: %q", network)
}

func connect(address string) error {
	connection, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	return connection.Close()
}

func exchange(address string) error {
	deadline := time.Now().Add(patience)
	connection, err := net.DialTimeout("udp", address, patience)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(deadline); err != nil {
		return err
	}
	said := []byte(rand.Text())
	if _, err := connection.Write(said); err != nil {
		return err
	}
	heard := make([]byte, len(said)+1)
	for {
		count, err := connection.Read(heard)
		if err != nil || bytes.Equal(heard[:count], said) {
			return err
		}
	}
}

// verdict tells apart the ways of not getting somewhere. That a name cannot be resolved says nothing about the place.
func verdict(err error) (string, error) {
	var name *net.DNSError
	switch {
	case err == nil:
		return "reached", nil
	case errors.As(err, &name):
		return "", err
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused", nil
	case isTimeout(err):
		return "silent", nil
	}
	return "", err
}

func isTimeout(err error) bool {
	var failure net.Error
	return errors.As(err, &failure) && failure.Timeout()
}

// resolve NAME SERVER:PORT asks that server over UDP, and answers with the addresses, or "silent".
func resolve(_ *client, argument string) (string, error) {
	name, server, _ := strings.Cut(argument, " ")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server)
	}}
	rooted := strings.TrimSuffix(name, ".") + "." // else the search domains of the pod would be tried too
	found, err := resolver.LookupHost(ctx, rooted)
	if isTimeout(err) {
		return "silent", nil
	}
	return strings.Join(found, " "), err
}

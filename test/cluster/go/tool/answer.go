package main

import (
	"fmt"
	"io"
	"net"
)

const largestDatagram = 64 << 10

// answer echoes whatever comes to an address, over TCP and UDP, any number of clients at once. It returns only if it
// cannot.
func answer(address string) error {
	listener, err := listen(address)
	if err != nil {
		return err
	}
	datagrams, err := net.ListenPacket("udp", listener.Addr().String())
	if err != nil {
		return err
	}
	fmt.Println("listening on", listener.Addr())
	ended := make(chan error, 2)
	go func() { ended <- echoConnections(listener) }()
	go func() { ended <- echoDatagrams(datagrams) }()
	return <-ended
}

func echoConnections(listener *net.TCPListener) error {
	for {
		connection, err := listener.AcceptTCP()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			io.Copy(connection, connection)
		}()
	}
}

func echoDatagrams(datagrams net.PacketConn) error {
	buffer := make([]byte, largestDatagram)
	for {
		count, sender, err := datagrams.ReadFrom(buffer)
		if err != nil {
			return err
		}
		datagrams.WriteTo(buffer[:count], sender) // a datagram may get lost
	}
}

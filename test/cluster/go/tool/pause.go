package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// pause does nothing until a signal ends the process. As the first of a sandbox it also collects the dead, which
// nobody else would.
func pause() error {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	fmt.Println("paused")
	for {
		collectDead()
		<-died
	}
}

func collectDead() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err != syscall.EINTR && pid <= 0 {
			return
		}
	}
}

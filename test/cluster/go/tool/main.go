// Command tool is the program of the tests' pods: one static binary that needs nothing else in its image.
//
//	tool [OPTION..] NAME [ARGUMENT..]
//
// It serves as test/running/program.py does, by the same names, options and protocols, and goes further where a container
// must be told from inside what to do (obey). It listens on POD_IP and PORT, by default on every address and 8080, and
// calls itself POD_NAME, by default what the host is called. Two names are no pod's programs: pause holds a sandbox,
// and answer is a host outside.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

var (
	gate     = flag.String("gate", "", "listen only once this `FILE` is there")
	stubborn = flag.Bool("stubborn", false, "ignore SIGTERM")
	child    = flag.Bool("child", false, "have a child in a session of its own, which ignores SIGTERM")
	health   = flag.Int("health", 0, "serve GET /ready on this `PORT` too: 200 from when it listens, unless told otherwise")
)

func main() {
	log.SetFlags(0)
	flag.Usage = usage
	flag.Parse()
	serve := chosen(flag.Arg(0), flag.Args()[min(1, flag.NArg()):])
	if serve == nil {
		usage()
	}
	if *child {
		startChild()
	}
	endWhenTold()
	log.Fatal(serve())
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: tool [OPTION..] NAME [ARGUMENT..]")
	flag.PrintDefaults()
	os.Exit(2)
}

// chosen returns what the name stands for, which returns only if it cannot go on, or nil if it stands for nothing.
func chosen(name string, arguments []string) func() error {
	switch {
	case name == "pause" && len(arguments) == 0:
		return pause
	case name == "answer" && len(arguments) <= 1:
		return func() error { return answer(append(arguments, podAddress())[0]) }
	}
	program, known := programs[name]
	if !known || len(arguments) != program.arguments {
		return nil
	}
	return func() error { return runPod(program, arguments) }
}

// endWhenTold makes SIGTERM and SIGINT end the process at once, also as the first of a container, which the kernel
// spares signals that it does not handle.
func endWhenTold() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGINT)
	if *stubborn {
		signal.Ignore(syscall.SIGTERM)
	} else {
		signal.Notify(told, syscall.SIGTERM)
	}
	go func() {
		number := (<-told).(syscall.Signal)
		os.Exit(128 + int(number)) // as a shell puts it
	}()
}

// startChild starts a process that only a SIGKILL or a SIGINT ends.
func startChild() {
	program, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	signal.Ignore(syscall.SIGTERM) // inherited: the child never knows a moment in which it could be ended
	command := exec.Command(program, "--stubborn", "pause")
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		log.Fatal(err)
	}
}

// waitForGate returns once the file is there.
func waitForGate(path string) {
	fmt.Println("waiting for", path)
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// longestSleep bounds what a client may make a pod wait.
const longestSleep = time.Hour

// A command does what the rest of its line says, and returns the line to answer.
type command func(client *client, argument string) (string, error)

var commands = map[string]command{
	"who": func(client *client, _ string) (string, error) {
		return fmt.Sprint(client.pod.name, " ", client.number), nil
	},
	"echo":    func(_ *client, text string) (string, error) { return text, nil },
	"sink":    sink,
	"source":  sourceOf,
	"half":    half,
	"sleep":   sleep,
	"ready":   func(client *client, _ string) (string, error) { return client.setReady(true) },
	"unready": func(client *client, _ string) (string, error) { return client.setReady(false) },
	"exit":    exit,
	"reach":   reach,
	"resolve": resolve,
	"env":     environment,
	"read":    read,
}

// obey does what the client says: one command a line, answered by one line each, "error ..." where it cannot be done.
func obey(client *client, _ []string) error {
	for {
		line, err := client.line()
		if err != nil {
			return errors.Join(client.answer("error line too long"), err)
		}
		if len(line) == 0 {
			return nil
		}
		if err := client.answer(client.do(strings.TrimRight(string(line), "\r\n"))); err != nil {
			return err
		}
	}
}

func (client *client) do(line string) string {
	name, argument, _ := strings.Cut(line, " ")
	command, known := commands[name]
	if !known {
		return "error unknown command"
	}
	text, err := command(client, argument)
	if err != nil {
		return "error " + reason(err)
	}
	return text
}

// answer sends the first line of a text.
func (client *client) answer(text string) error {
	line, _, _ := strings.Cut(text, "\n")
	_, err := io.WriteString(client, line+"\n")
	return err
}

// sink N takes N bytes, and answers with how many there were, and their checksum.
func sink(client *client, argument string) (string, error) {
	size, err := strconv.ParseInt(argument, 10, 64)
	if err != nil {
		return "", err
	}
	return described(io.LimitReader(client.lines, size))
}

// half takes everything until the client's end of sending, and answers as sink does.
func half(client *client, _ string) (string, error) {
	return described(client.lines)
}

func described(from io.Reader) (string, error) {
	count, sum, err := receiveStream(from)
	return fmt.Sprint(count, " ", sum), err
}

// source N sends N bytes, and answers behind them with their checksum.
func sourceOf(client *client, argument string) (string, error) {
	size, err := strconv.ParseInt(argument, 10, 64)
	if err != nil {
		return "", err
	}
	return sendStream(client, size)
}

// sleep SECONDS waits so long.
func sleep(_ *client, argument string) (string, error) {
	seconds, err := strconv.ParseFloat(argument, 64)
	if err != nil {
		return "", err
	}
	if !(seconds >= 0 && seconds <= longestSleep.Seconds()) { // not so for NaN either
		return "", fmt.Errorf("not 0 to %v seconds", longestSleep.Seconds())
	}
	time.Sleep(time.Duration(seconds * float64(time.Second)))
	return "slept", nil
}

// setReady sets what a readiness probe is told from now on.
func (client *client) setReady(ready bool) (string, error) {
	client.pod.ready.Store(ready)
	if ready {
		return "ready", nil
	}
	return "unready", nil
}

// exit CODE ends the process, once it has said so.
func exit(client *client, argument string) (string, error) {
	code, err := strconv.ParseUint(argument, 10, 8)
	if err != nil {
		return "", err
	}
	client.answer("exiting") // heard or not
	os.Exit(int(code))
	return "", nil
}

// env NAME answers with a variable of the process.
func environment(_ *client, name string) (string, error) {
	value, found := os.LookupEnv(name)
	if !found {
		return "", errors.New("not set")
	}
	return value, nil
}

// read PATH answers with the first line of a file.
func read(_ *client, path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	line, err := bufio.NewReader(io.LimitReader(file, longestLine-1)).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return line, err
}

// reason says why something failed, as the system puts it where it was the system that refused.
func reason(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return err.Error()
}

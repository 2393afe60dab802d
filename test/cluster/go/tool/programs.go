package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// A program serves one client; arguments is how many it takes on the command line.
type program struct {
	arguments int
	serve     func(client *client, arguments []string) error
}

var programs = map[string]program{
	"who":      {0, who},
	"echo":     {0, echo},
	"digest":   {0, digest},
	"source":   {1, source},
	"farewell": {1, farewell},
	"breaking": {0, breaking},
	"obey":     {0, obey},
}

// who answers a line with the pod's name and which connection of it this is, and ends when the client does.
func who(client *client, _ []string) error {
	line, err := client.line()
	if err != nil || len(line) == 0 {
		return err
	}
	if _, err := fmt.Fprintf(client, "%s %d\n", client.pod.name, client.number); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, client.lines)
	return err
}

// echo sends back what comes.
func echo(client *client, _ []string) error {
	_, err := io.Copy(client, client.lines)
	return err
}

// digest takes everything, and answers with how much it was and its checksum.
func digest(client *client, _ []string) error {
	count, sum, err := receiveStream(client.lines)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(client, "%d %s\n", count, sum)
	return err
}

// source sends so many bytes, and their checksum behind them.
func source(client *client, arguments []string) error {
	size, err := strconv.ParseInt(arguments[0], 10, 64)
	if err != nil {
		return err
	}
	sum, err := sendStream(client, size)
	if err != nil {
		return err
	}
	_, err = io.WriteString(client, sum)
	return err
}

// farewell says all there is to say first, then writes down what the client has to say.
func farewell(client *client, arguments []string) error {
	if _, err := io.WriteString(client, "that was all\n"); err != nil {
		return err
	}
	if err := client.CloseWrite(); err != nil {
		return err
	}
	path := arguments[0]
	file, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := io.Copy(file, client.lines); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

// breaking answers a line, and resets the connection at the next one.
func breaking(client *client, _ []string) error {
	line, err := client.line()
	if err != nil {
		return err
	}
	if _, err := client.Write(line); err != nil {
		return err
	}
	if _, err := client.line(); err != nil {
		return err
	}
	return client.SetLinger(0) // seconds: what is then closed is reset
}

// line returns the next line with its end, or what there is before the client's; it is valid until the next read.
func (client *client) line() ([]byte, error) {
	line, err := client.lines.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF):
		return line, nil
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("a line of more than %d bytes", longestLine)
	}
	return line, err
}

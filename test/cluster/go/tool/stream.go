package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
)

const blockSize = 1 << 20

// sendStream sends so many bytes, no two blocks of them alike, and returns their SHA-256 in hex.
func sendStream(to io.Writer, size int64) (string, error) {
	sum := sha256.New()
	block := make([]byte, blockSize)
	rand.Read(block) // it never fails
	for sent := int64(0); sent < size; {
		binary.BigEndian.PutUint64(block, uint64(sent))
		part := block[:min(size-sent, blockSize)]
		sum.Write(part)
		if _, err := to.Write(part); err != nil {
			return "", err
		}
		sent += int64(len(part))
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// receiveStream receives all there is, and returns how many bytes that were, and their SHA-256 in hex.
func receiveStream(from io.Reader) (int64, string, error) {
	sum := sha256.New()
	count, err := io.CopyBuffer(sum, from, make([]byte, blockSize))
	return count, hex.EncodeToString(sum.Sum(nil)), err
}

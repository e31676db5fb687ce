//go:build !unix

package journal

import "errors"

// ErrLocked is the error when another process holds the directory.
var ErrLocked = errors.New("another process uses the directory")

// Lock needs a kernel lock that ends with the process, which this system does not offer in the same way.
func Lock(string) (func() error, error) {
	return nil, errors.New("the embedded cloud keeps its state on Unix systems only")
}

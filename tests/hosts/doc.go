// Package hosts shows on real machines what the bundles of components/host
// promise: Debian 12 in QEMU, two sites and a client's own machine, on networks
// that the test makes and removes. Nothing of it leaves this machine.
//
// `make test-hosts` runs it, as root on Linux, in an hour on two
// processors without hardware virtualisation. `go test ./...` skips it by name.
//
// The machines' disks, kernel and packages are built once by image.sh and kept
// in the user's cache. Whatever a run that was killed left (namespaces, taps,
// machines) is removed by the next.
package hosts

// Package lint holds tests only: that .golangci.yml bites. The rules on who may
// import whom, who may read the clock or the environment, and what every package
// owes its reader are shown on a small module that breaks each of them, and keeps
// to them where the configuration says it may.
//
// It needs golangci-lint (`make lint` builds it) and no network.
package lint

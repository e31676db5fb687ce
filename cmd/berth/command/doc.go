// Package command holds berth's commands. Each reads its flags, calls the
// engine, and prints what came back; what it prints goes through package show.
// All side effects come in as one Env, so that a test drives a command in
// memory. Only the main package builds the real Env.
package command

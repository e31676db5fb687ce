// Package graph draws a stack's topology from the resource graph of a preview:
// who comes in, through which edge, into which zones of the network, to which
// data, and what guards and watches it all. Which type of resource belongs into
// which box is data (table.go); the layout is laid by hand for the few zones
// there are. The same graph gives the same picture, byte for byte.
//
// It knows type tokens and the engine's result, and no cloud's API.
package graph

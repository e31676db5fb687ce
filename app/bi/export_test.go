package bi

// Readable is what may be read.
var Readable = readable

package rpc

// What the tests look into.
var (
	Shallow  = shallow
	FieldOf  = fieldOf
	MaxDepth = maxDepth
)

// JSON is the codec of messages in JSON.
type JSON = jsonCodec

// Defaults are the options that hold where none are given.
func Defaults() Options { return Options{}.filled() }

// Code is the code of a kind of failure.
var Code = code

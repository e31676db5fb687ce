// Package catalogue is what the embedded cloud knows of resource types: data,
// in one place. The property shapes (<package>.json) are generated from the
// real providers; the behaviour beyond shapes (rules/*.yaml: id formats,
// computed outputs, uniqueness, references, protections) is written by hand,
// one entry for each type.
//
// A type is in use when it has a rule. To add one, see to it that the generated
// file has its shape, and write its rule: at least an id, and a template for
// every computed property that a program passes on. The tests here and in
// localcloud then compute one object of it and name what does not fit.
//
// The package decodes and answers look-ups. It decides nothing and knows
// neither gRPC nor state.
package catalogue

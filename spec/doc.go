// Package spec is the whole description of a stack: what Pulumi.<stack>.yaml
// may say under berth:spec, typed, defaulted and validated. It decodes strictly
// and reports every problem at once, each with its key path, the value found,
// what was expected and how to mend it.
//
// It knows nothing of Pulumi or of any cloud's API: a stack's program reads its
// configuration and hands the text over. After Decode every field has a value;
// no reader of a Spec needs a default of its own.
//
// A spec holds no secret. Secrets are Pulumi secrets under keys of their own,
// and a value that looks like one is refused.
package spec

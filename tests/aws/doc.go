// Package aws holds tests only: the stacks on AWS, run by the built berth on the
// Pulumi engine with AWS's real provider, in an account that moto emulates.
// Whether a resource is what a promise says is read back through AWS's API, never
// from Pulumi's state. README.md says what the tests need and what they leave out.
package aws

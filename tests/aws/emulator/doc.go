// Package emulator runs an AWS account on this machine for a test: a fresh
// moto_server, and an HTTP proxy in front of it through which every program of
// the test reaches it under one host name. It knows AWS's wire protocols as far
// as it must route them, and nothing of Berth or Pulumi.
//
// The proxy does what moto by itself cannot:
//   - names before the host's resolve: S3 Control puts the account there, and S3
//     the bucket;
//   - changes of EC2 go in one at a time, since moto changes the rules of a
//     security group without a lock and loses some that come together;
//   - CloudWatch's calls in CBOR, as AWS's newest SDKs send them, are translated;
//   - calls can be watched, and held back while a test does something;
//   - a call to any other host is refused, so that nothing leaves the machine.
package emulator

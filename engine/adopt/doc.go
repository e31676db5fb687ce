// Package adopt finds out what a killed run has created in a real cloud: by the
// id, where it follows from what the program asked for; by the stack's tags,
// where the cloud makes the id up. What it knows of each resource type is data,
// aws.yaml and cloudflare.yaml. Whether an object exists, and what it is, is for
// its provider to say: this package only names candidates and judges, by tags
// and by a few properties, whether what was read is the stack's own.
//
// It looks, and changes nothing, but for one thing: a security group whose
// creation was cut short loses the rule that AWS gives every new group, as the
// provider would have seen to.
package adopt

// Command stacks is the Pulumi program of every stack: `pulumi up` in the
// repository's root runs it. What a stack is made of is said by berth:spec in
// its Pulumi.<stack>.yaml.
package main

import (
	"github.com/berth-iac/berth/stacks/program"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() { pulumi.Run(program.Program) }

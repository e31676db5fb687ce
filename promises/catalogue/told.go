package catalogue

import (
	"slices"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

// told is the parameter by which the service learns something when it boots, by the last part of its name; nil
// where there is none.
func told(g *graph.Graph, what string) *graph.Resource {
	parameters := g.OfType(typeParameter)
	if i := slices.IndexFunc(parameters, func(p *graph.Resource) bool { return strings.HasSuffix(p.Text("name"), "/"+what) }); i >= 0 {
		return parameters[i]
	}
	return nil
}

// wantToldNumber reports whether the service is told a figure of the client's spec.
func wantToldNumber(r *promises.Report, g *graph.Graph, what string, figure int) {
	const fix = "mend the values of the configuration in stacks/awsclient/service.go"
	expected := strconv.Itoa(figure) + ", the figure of the client's spec"
	if p := told(g, what); p != nil {
		r.Want(p, p.Text("insecureValue") == strconv.Itoa(figure), "insecureValue", expected, fix)
		return
	}
	r.Missing("parameter "+what+" for the service", expected, fix)
}

// wantToldBucket reports whether the service is told of a bucket, and not of another.
func wantToldBucket(r *promises.Report, g *graph.Graph, what string, bucket *graph.Resource) {
	const fix = "mend the values of the configuration in stacks/awsclient/service.go"
	if p := told(g, what); p != nil { // whether there is one is DP-1
		r.Want(p, bucket.Goes(p.Text("insecureValue")), "insecureValue", bucket.Name+", the bucket that is kept and copied", fix)
	}
}

// mayAct tells whether a schedule may take the role that it is to act with, on behalf of the group that it is in.
func mayAct(schedule *graph.Resource, account string) bool {
	group, role := schedule.Ref("groupName", "aws:scheduler/scheduleGroup:ScheduleGroup"), schedule.Ref("target.roleArn", typeRole)
	if group == nil || role == nil {
		return false
	}
	asks := policyCall{service: "scheduler.amazonaws.com", action: "sts:AssumeRole",
		context: map[string]string{"aws:SourceAccount": account, "aws:SourceArn": answered(group, "arn")}}
	return asks.granted(role.Text("assumeRolePolicy"))
}

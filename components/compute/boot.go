package compute

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	"github.com/berth-iac/berth/components/loadbalancer"
)

//go:embed boot.sh.tmpl
var bootText string

// bootTemplate is the machines' user data.
var bootTemplate = template.Must(template.New("boot.sh").Option("missingkey=error").
	Funcs(template.FuncMap{"quote": shellQuote}).Parse(bootText))

// artefact is a release's file under taskflow/<version>/.
const artefact = "taskflow-linux-amd64.tar.gz"

// maxUserData is what EC2 takes. It counts before the encoding; here the encoded text keeps to it,
// so that there is room left whoever counts.
const maxUserData = 16 * 1024

// boot is what the boot script is told. It holds no secret, for user data can be read on the machine
// and in the console.
type boot struct {
	Region        string
	Version       string
	SHA256        string
	Artefact      string // the release as an s3:// address
	ParameterPath string
	Keys          []string // that must be there under ParameterPath
	SecretName    string
	Digest        string // of the configuration
	AgentConfig   string // JSON
	Port          int
	HealthPath    string
}

func (b *builder) boot(digest string) boot {
	r := b.Service.Release
	return boot{
		Region: b.Scope.Region, Version: r.Version, SHA256: r.SHA256,
		Artefact:      fmt.Sprintf("s3://%s/taskflow/%s/%s", r.Bucket, r.Version, artefact),
		ParameterPath: b.Configuration.ParameterPath, Keys: b.Configuration.Keys, SecretName: b.Configuration.SecretName,
		Digest: digest, AgentConfig: agentConfig(b.Scope.Region, b.groupName, b.logGroups),
		Port: loadbalancer.TargetPort, HealthPath: loadbalancer.HealthPath,
	}
}

// render writes the script.
func (b boot) render() (string, error) {
	var script strings.Builder
	if err := bootTemplate.Execute(&script, b); err != nil {
		return "", fmt.Errorf("write the boot script: %w", err)
	}
	if size := base64.StdEncoding.EncodedLen(script.Len()); size > maxUserData {
		return "", fmt.Errorf("the boot script is %d bytes when encoded, and EC2 takes %d: shorten boot.sh.tmpl or pass fewer configuration keys (%d)",
			size, maxUserData, len(b.Keys))
	}
	return script.String(), nil
}

// shellQuote makes any text one word of a shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// agentConfig tells the CloudWatch agent which files go to which log group, and to measure what EC2
// does not: memory and disk.
func agentConfig(region, group string, logGroups map[string]string) string {
	type object = map[string]any
	var files []object
	for _, f := range []struct{ path, group, stream string }{
		{"/var/log/taskflow/service.log", serviceLogs, "service"},
		{"/var/log/taskflow/backup.log", serviceLogs, "backup"},
		{"/var/log/messages", systemLogs, "messages"},
		{"/var/log/secure", systemLogs, "secure"},
		{"/var/log/audit/audit.log", systemLogs, "audit"},
		{"/var/log/cloud-init-output.log", bootLogs, "boot"},
	} {
		files = append(files, object{
			"file_path": f.path, "log_group_name": logGroups[f.group], "log_stream_name": "{instance_id}/" + f.stream, "timezone": "UTC",
		})
	}
	byGroup := object{"AutoScalingGroupName": group}
	text, err := json.MarshalIndent(object{
		"agent": object{"region": region, "metrics_collection_interval": 60},
		"logs":  object{"force_flush_interval": 5, "logs_collected": object{"files": object{"collect_list": files}}},
		"metrics": object{
			"namespace":              metricNamespace,
			"aggregation_dimensions": [][]string{{"AutoScalingGroupName"}},
			"metrics_collected": object{
				"mem":  object{"measurement": []string{"used_percent"}, "append_dimensions": byGroup},
				"disk": object{"measurement": []string{"used_percent"}, "resources": []string{"/"}, "drop_device": true, "append_dimensions": byGroup},
			},
		},
	}, "", " ")
	if err != nil {
		panic(err) // it is made of strings and numbers
	}
	return string(text)
}

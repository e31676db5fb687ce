package database

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/spec"
)

// versions are the major versions that each engine is offered in.
var versions = map[spec.Engine][]string{
	spec.PostgreSQL: {"14", "15", "16", "17"},
	spec.MySQL:      {"8.0", "8.4"},
}

// Port is where the engine listens.
func Port(engine spec.Engine) int {
	if engine == spec.MySQL {
		return 3306
	}
	return 5432
}

// engineName is what RDS calls the engine.
func engineName(engine spec.Engine) string {
	if engine == spec.MySQL {
		return "mysql"
	}
	return "postgres"
}

// Family is the parameter group family of an engine's major version, such as postgres16 or mysql8.4.
func Family(engine spec.Engine, version string) string { return engineName(engine) + version }

// LogExports are the logs that RDS ships to CloudWatch.
func LogExports(engine spec.Engine) []string {
	if engine == spec.MySQL {
		return []string{"audit", "error", "slowquery"} // no general log: it would hold the clients' data
	}
	return []string{"postgresql", "upgrade"}
}

// LogGroup is the log group that RDS writes an exported log to; the service sets the name.
func LogGroup(identifier, export string) string {
	return "/aws/rds/instance/" + identifier + "/" + export
}

// PerformanceInsights tells whether RDS offers it for the class: not for MySQL on the smallest burstable machines.
func PerformanceInsights(engine spec.Engine, class string) bool {
	if engine != spec.MySQL {
		return true
	}
	parts := strings.Split(class, ".")
	return len(parts) != 3 || !slices.Contains([]string{"t2", "t3", "t4g"}, parts[1]) || !slices.Contains([]string{"micro", "small"}, parts[2])
}

// parameter is one engine setting. A static one takes effect at the next restart; RDS refuses it otherwise.
type parameter struct {
	name, value string
	static      bool
}

// parameters are the settings that differ from RDS's own defaults, or must never follow a change of them.
func parameters(engine spec.Engine) []parameter {
	if engine == spec.MySQL {
		return []parameter{
			{name: "require_secure_transport", value: "1"},
			{name: "tls_version", value: "TLSv1.2,TLSv1.3", static: true},
			{name: "binlog_format", value: "ROW"}, // the only one that replicates every statement safely
			{name: "slow_query_log", value: "1"},
			{name: "long_query_time", value: "1"},
			{name: "log_output", value: "FILE"}, // tables are not shipped to CloudWatch
			{name: "general_log", value: "0"},
			{name: "local_infile", value: "0"},
		}
	}
	return []parameter{
		{name: "rds.force_ssl", value: "1"},
		{name: "ssl_min_protocol_version", value: "TLSv1.2"},
		{name: "password_encryption", value: "scram-sha-256"},
		{name: "rds.accepted_password_auth_method", value: "scram"},
		{name: "log_connections", value: "1"},
		{name: "log_disconnections", value: "1"},
		{name: "log_lock_waits", value: "1"},
		{name: "log_min_duration_statement", value: "1000"},
		{name: "log_parameter_max_length", value: "0"}, // values are the clients' data and stay out of the log
		{name: "log_parameter_max_length_on_error", value: "0"},
		{name: "shared_preload_libraries", value: "pg_stat_statements,pgaudit", static: true},
		{name: "pgaudit.log", value: "ddl,role"},
		{name: "pgaudit.log_parameter", value: "0"},
		{name: "idle_in_transaction_session_timeout", value: "600000"},
	}
}

func checkEngine(engine spec.Engine, version string) error {
	known, ok := versions[engine]
	if !ok {
		return fmt.Errorf("engine %q is unknown: use %q or %q", engine, spec.PostgreSQL, spec.MySQL)
	}
	if !slices.Contains(known, version) {
		return fmt.Errorf("version %q of %s is not offered: use one of %s", version, engine, strings.Join(known, ", "))
	}
	return nil
}

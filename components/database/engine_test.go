package database_test

import (
	"slices"
	"testing"

	"github.com/berth-iac/berth/components/database"
	"github.com/berth-iac/berth/spec"
)

func TestEngine(t *testing.T) {
	for _, tc := range []struct {
		engine  spec.Engine
		version string
		port    int
		family  string
		exports []string
	}{
		{spec.PostgreSQL, "14", 5432, "postgres14", []string{"postgresql", "upgrade"}},
		{spec.PostgreSQL, "17", 5432, "postgres17", []string{"postgresql", "upgrade"}},
		{spec.MySQL, "8.0", 3306, "mysql8.0", []string{"audit", "error", "slowquery"}},
		{spec.MySQL, "8.4", 3306, "mysql8.4", []string{"audit", "error", "slowquery"}},
	} {
		if got := database.Port(tc.engine); got != tc.port {
			t.Errorf("Port(%s) = %d, want %d", tc.engine, got, tc.port)
		}
		if got := database.Family(tc.engine, tc.version); got != tc.family {
			t.Errorf("Family(%s, %s) = %q, want %q", tc.engine, tc.version, got, tc.family)
		}
		if got := database.LogExports(tc.engine); !slices.Equal(got, tc.exports) {
			t.Errorf("LogExports(%s) = %q, want %q", tc.engine, got, tc.exports)
		}
	}
}

func TestPerformanceInsights(t *testing.T) {
	for _, tc := range []struct {
		engine spec.Engine
		class  string
		want   bool
	}{
		{spec.PostgreSQL, "db.t4g.micro", true},
		{spec.MySQL, "db.t4g.micro", false},
		{spec.MySQL, "db.t3.small", false},
		{spec.MySQL, "db.t4g.medium", true},
		{spec.MySQL, "db.r6g.large", true},
	} {
		if got := database.PerformanceInsights(tc.engine, tc.class); got != tc.want {
			t.Errorf("PerformanceInsights(%s, %s) = %v, want %v", tc.engine, tc.class, got, tc.want)
		}
	}
}

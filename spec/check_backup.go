package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// copies judges the backup section. Outside production there are test data
// only, so that one region, a week's copies and copies abroad without consent will do.
func (c *clientCheck) copies() {
	b := c.Backup
	c.secondRegion()
	if c.strict("BK-5", "DP-8") && b.RetentionDays < 90 {
		c.add("backup.retentionDays", show(b.RetentionDays), "at least 90 in production (BK-5, DP-8)", "set it to 90 or more, or leave it out")
	}
	if need := b.ArchiveAfterDays + 180; c.sound("backup.archiveAfterDays", "backup.deleteAfterDays") && b.DeleteAfterDays < need {
		c.add("backup.deleteAfterDays", show(b.DeleteAfterDays), "at least 180 days after the archive begins (BK-6, DP-8)",
			fmt.Sprintf("set it to %d or more, or leave it out", need))
	}
}

func (c *clientCheck) secondRegion() {
	const path = "backup.secondRegion"
	second := c.Backup.SecondRegion
	switch {
	case !c.sound(path, "aws.region", "residency"):
	case second == "":
		if c.strict("BK-5") {
			c.add(path, none, "a second region in production (BK-5)", "write "+otherRegion(c.AWS.Region)+", or leave it out")
		}
	case !slices.Contains(regions, second):
		c.region(path, second)
	case second == c.AWS.Region:
		c.add(path, show(second), "another region than aws.region", "write "+otherRegion(second)+", or leave it out")
	case c.strict("AV-9") && !c.Residency.Holds(second):
		c.consent(second)
	}
}

// consent asks for the record that the client wants copies outside its residency.
func (c *clientCheck) consent(second string) {
	instead := ""
	if c.Residency == EuropeanUnion {
		instead = ", or write secondRegion: eu-central-1"
	}
	c.agreed("backup.copiesAbroad", c.Backup.CopiesAbroad, fmt.Sprintf("the client's consent to copies in %s, outside residency %s (AV-9)", second, c.Residency), instead, c.now)
}

// agreed judges the record of a client's consent, which has its date; instead is what else mends its absence.
func (r *report) agreed(path, value, expected, instead string, now time.Time) {
	const fix = `write who agreed and when, such as "agreed with J. Doe on 2026-05-01"`
	day := isoDate.FindString(value)
	date, err := time.Parse(time.DateOnly, day)
	switch {
	case value == "":
		r.add(path, "missing", expected, fix+instead)
	case err != nil:
		r.add(path, show(value), "consent with its date, YYYY-MM-DD (AV-9)", fix)
	case date.After(now):
		r.add(path, show(value), "consent that was given before today (AV-9)", "correct the date")
	}
}

var isoDate = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}`)

// region refuses what is no AWS region.
func (r *report) region(path, name string) {
	if slices.Contains(regions, name) {
		return
	}
	fix := "correct it"
	if near := nearest(name, regions); near != "" {
		fix = "did you mean " + near + "?"
	}
	if n := len(name); n > 0 && slices.Contains(regions, strings.ToLower(name[:n-1])) {
		fix = "write the region, not a zone of it: " + strings.ToLower(name[:n-1])
	}
	r.add(path, show(name), "an AWS region, such as eu-west-1", fix)
}

package spec

import "time"

// Waiver records that one resource may deviate from a promise or a baseline control until a date. It never stands for
// several resources, and it never goes on for ever.
type Waiver struct {
	// Promise is the ID of the promise, such as AV-3, or of the baseline control, such as S3.1, EC2.8 or CIS-3.7.
	Promise string `json:"promise" jsonschema:"required,maxLength=40,pattern=^[A-Z][A-Za-z0-9]*[.-][0-9]+([.][0-9]+){0\\,2}$,example=AV-3" expect:"the ID of a promise or of a baseline control"`
	// Resource is the name of the one resource that deviates, as the stack's graph has it, or "stack" for the stack as a whole.
	Resource string `json:"resource" jsonschema:"required,maxLength=200,pattern=^[A-Za-z0-9][A-Za-z0-9._@:/+-]*$,example=database-instance" expect:"the exact name of one resource, without wildcards, or stack for the whole"`
	// Reason for the deviation and who agreed to it, for the record.
	Reason string `json:"reason" jsonschema:"required,minLength=10,maxLength=300,example=single-zone until the migration ends\\, agreed with the client"`
	// Owner is the e-mail address of the person who answers for the deviation.
	Owner string `json:"owner" jsonschema:"required,format=email,example=ada.lindqvist@northwind.example"`
	// Expires is the last day on which the waiver holds; at most 366 days ahead.
	Expires Date `json:"expires" jsonschema:"required,example=2027-01-31"`
}

// Holds tells whether the waiver still counts. On its last day, which ends at midnight UTC, it does.
func (w Waiver) Holds(now time.Time) bool { return w.Expires.End().After(now) }

// ExpiresWithin tells whether the waiver's last day is at most so many days after today in UTC: with 0, whether it is
// today. It is true of a waiver that has expired.
func (w Waiver) ExpiresWithin(now time.Time, days int) bool {
	return !w.Expires.After(now.UTC().AddDate(0, 0, days))
}

// Waivers are the deviations that the stack's file records, in its order. A nil Spec has none.
func (s *Spec) Waivers() []Waiver {
	switch {
	case s == nil:
		return nil
	case s.AWSClient != nil:
		return s.AWSClient.Waivers
	case s.Organisation != nil:
		return s.Organisation.Waivers
	case s.Sites != nil:
		return s.Sites.Waivers
	case s.SiteClient != nil:
		return s.SiteClient.Waivers
	case s.OnPremises != nil:
		return s.OnPremises.Waivers
	case s.LightClient != nil:
		return s.LightClient.Waivers
	}
	return nil
}

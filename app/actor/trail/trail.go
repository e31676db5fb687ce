// Package trail makes the audit log's entries of an actor's doings. It is the one place that does, so that none forgets who acted from
// where, and none made under the provider's grant lacks its mark (AC-5, AC-8).
package trail

import (
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
)

// Entry begins an entry: the caller adds Target, TargetID, Outcome and, with Add, details.
func Entry(who actor.Actor, at time.Time, action string) audit.Entry {
	e := audit.Entry{
		At: at, ActorKind: audit.Anonymous, ActorID: who.ID, ActorName: who.Name, Action: action, Address: who.Address, Agent: who.Agent,
		Detail: map[string]string{},
	}
	switch who.Kind {
	case actor.Person:
		e.ActorKind = audit.Person
	case actor.Provider:
		e.ActorKind = audit.Provider
	case actor.Automation:
		e.ActorKind = audit.Automation
	case actor.System:
		e.ActorKind = audit.System
	}
	if who.TokenID != uuid.Nil {
		if e.ActorKind == audit.Person { // the provider's mark outweighs
			e.ActorKind = audit.Token
		}
		e.Detail["by"] = "API " + who.TokenID.String()
	}
	if who.Grant != nil {
		e.ActorKind, e.GrantID = audit.Provider, who.Grant.ID
		e.Detail["grant reason"] = who.Grant.Reason
	}
	return e
}

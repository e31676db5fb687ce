package catalogue

import (
	"github.com/berth-iac/berth/promises"
)

// OP5 is how questionnaires are answered.
func (catalogue) OP5() promises.Promise {
	return promises.Promise{
		ID:       "OP-5",
		Title:    "Questionnaires answered from evidence",
		Sentence: "Your security questionnaire is answered from evidence, not from memory: every answer names the promise, how it was proven, and when.",
		Duties:   map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours, promises.OnLightsail: promises.Ours, promises.OnSites: promises.Ours, promises.OnPremises: promises.Ours, promises.Organisation: promises.Ours, promises.Service: promises.Ours},
		Proofs: []promises.Proof{
			{Level: promises.Document, How: "the answers are made from the evidence of the day and name the proof of each; a question without a match is left to a person"},
		},
		Keywords: []string{
			"answers from evidence", "questionnaire evidence", "basis of answers questionnaire", "how answers verified", "prove claims",
			"security questionnaire", "vendor questionnaire", "due diligence", "vendor risk assessment", "evidence", "caiq", "sig questionnaire",
			"third-party risk management", "security assessment", "supplier assessment", "compliance evidence", "audit evidence", "proof of controls",
		},
	}
}

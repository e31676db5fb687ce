package oscal

// Version of OSCAL that Results writes.
const Version = "1.1.3"

// The types below are the parts of OSCAL's model that Results uses. NIST's reference says what each field means.

type file struct {
	Results assessmentResults `json:"assessment-results"`
}

type assessmentResults struct {
	UUID        string           `json:"uuid"`
	Metadata    metadata         `json:"metadata"`
	ImportAP    href             `json:"import-ap"`
	Definitions *planDefinitions `json:"local-definitions,omitempty"`
	Results     []result         `json:"results"`
	BackMatter  backMatter       `json:"back-matter"`
}

type metadata struct {
	Title        string     `json:"title"`
	LastModified string     `json:"last-modified"`
	Version      string     `json:"version"`
	OSCALVersion string     `json:"oscal-version"`
	Props        []property `json:"props,omitempty"`
	Remarks      string     `json:"remarks,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	NS    string `json:"ns,omitempty"`
	Value string `json:"value"`
}

type href struct {
	Href    string `json:"href"`
	Remarks string `json:"remarks,omitempty"`
}

type planDefinitions struct {
	Objectives []objective `json:"objectives-and-methods"`
}

type objective struct {
	ControlID   string     `json:"control-id"`
	Description string     `json:"description,omitempty"`
	Props       []property `json:"props,omitempty"`
	Parts       []part     `json:"parts"`
}

type part struct {
	ID    string     `json:"id"`
	Name  string     `json:"name"`
	Props []property `json:"props,omitempty"`
	Prose string     `json:"prose"`
}

type result struct {
	UUID         string        `json:"uuid"`
	Title        string        `json:"title"`
	Description  string        `json:"description"`
	Start        string        `json:"start"`
	End          string        `json:"end"`
	Definitions  definitions   `json:"local-definitions"`
	Reviewed     reviewed      `json:"reviewed-controls"`
	Observations []observation `json:"observations,omitempty"`
	Risks        []risk        `json:"risks,omitempty"`
	Findings     []finding     `json:"findings,omitempty"`
}

type definitions struct {
	Inventory []inventoryItem `json:"inventory-items,omitempty"`
	Assets    assets          `json:"assessment-assets"`
}

type inventoryItem struct {
	UUID        string     `json:"uuid"`
	Description string     `json:"description"`
	Props       []property `json:"props,omitempty"`
}

type assets struct {
	Components []component `json:"components"`
	Platforms  []platform  `json:"assessment-platforms"`
}

type component struct {
	UUID        string     `json:"uuid"`
	Type        string     `json:"type"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Props       []property `json:"props,omitempty"`
	Status      stateOnly  `json:"status"`
}

type stateOnly struct {
	State string `json:"state"`
}

type platform struct {
	UUID  string          `json:"uuid"`
	Title string          `json:"title"`
	Uses  []componentUUID `json:"uses-components"`
}

type componentUUID struct {
	UUID string `json:"component-uuid"`
}

type reviewed struct {
	Selections []selection `json:"control-selections"`
}

type selection struct {
	Description string      `json:"description"`
	Include     []controlID `json:"include-controls,omitempty"`
	Exclude     []controlID `json:"exclude-controls,omitempty"`
}

type controlID struct {
	ID string `json:"control-id"`
}

type observation struct {
	UUID        string     `json:"uuid"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Props       []property `json:"props,omitempty"`
	Methods     []string   `json:"methods"`
	Types       []string   `json:"types"`
	Origins     []origin   `json:"origins,omitempty"`
	Subjects    []subject  `json:"subjects"`
	Evidence    []relevant `json:"relevant-evidence"`
	Collected   string     `json:"collected"`
	Expires     string     `json:"expires"`
}

type origin struct {
	Actors []actor `json:"actors"`
}

type actor struct {
	Type string `json:"type"`
	UUID string `json:"actor-uuid"`
}

type subject struct {
	UUID  string `json:"subject-uuid"`
	Type  string `json:"type"`
	Title string `json:"title"`
}

type relevant struct {
	Description string     `json:"description"`
	Props       []property `json:"props,omitempty"`
}

type risk struct {
	UUID         string            `json:"uuid"`
	Title        string            `json:"title"`
	Description  string            `json:"description"`
	Statement    string            `json:"statement"`
	Props        []property        `json:"props,omitempty"`
	Status       string            `json:"status"`
	Deadline     string            `json:"deadline,omitempty"`
	Remediations []remediation     `json:"remediations,omitempty"`
	Observations []observationUUID `json:"related-observations,omitempty"`
}

type remediation struct {
	UUID        string `json:"uuid"`
	Lifecycle   string `json:"lifecycle"`
	Title       string `json:"title"`
	Description string `json:"description"`
}

type observationUUID struct {
	UUID string `json:"observation-uuid"`
}

type finding struct {
	UUID         string            `json:"uuid"`
	Title        string            `json:"title"`
	Description  string            `json:"description"`
	Props        []property        `json:"props,omitempty"`
	Target       target            `json:"target"`
	Observations []observationUUID `json:"related-observations,omitempty"`
	Risks        []riskUUID        `json:"related-risks,omitempty"`
}

type target struct {
	Type   string `json:"type"`
	ID     string `json:"target-id"`
	Title  string `json:"title"`
	Status status `json:"status"`
}

type status struct {
	State   string `json:"state"`
	Reason  string `json:"reason"`
	Remarks string `json:"remarks,omitempty"`
}

type riskUUID struct {
	UUID string `json:"risk-uuid"`
}

type backMatter struct {
	Resources []resource `json:"resources"`
}

type resource struct {
	UUID        string  `json:"uuid"`
	Title       string  `json:"title"`
	Description string  `json:"description"`
	Rlinks      []rlink `json:"rlinks,omitempty"`
	Remarks     string  `json:"remarks,omitempty"`
}

type rlink struct {
	Href      string `json:"href"`
	MediaType string `json:"media-type"`
	Hashes    []hash `json:"hashes"`
}

type hash struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"value"`
}

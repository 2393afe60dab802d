// Tells whether NetworkPolicies let traffic pass, by the matcher of cyclonus: a second opinion, without a cluster.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	networking "k8s.io/api/networking/v1"
)

// question is about the policies of one cluster; a list of them is read from standard input. The fields of a Traffic
// are named as the matcher names them.
type question struct {
	Policies []*networking.NetworkPolicy `json:"policies"`
	Traffic  []*matcher.Traffic          `json:"traffic"`
}

// answer says of one piece of traffic whether its source may send it and its destination may receive it. It passes
// where both may. Standard output gets a list of them for each question.
type answer struct {
	Egress  bool `json:"egress"`
	Ingress bool `json:"ingress"`
}

func judge(asked question) []answer {
	const simplify = false // the policies as they were written, not what the matcher would make of them
	policies := matcher.BuildNetworkPolicies(simplify, asked.Policies)
	answers := make([]answer, len(asked.Traffic))
	for i, traffic := range asked.Traffic {
		result := policies.IsTrafficAllowed(traffic)
		answers[i] = answer{Egress: result.Egress.IsAllowed(), Ingress: result.Ingress.IsAllowed()}
	}
	return answers
}

func main() {
	log.SetFlags(0)
	var questions []question
	input := json.NewDecoder(os.Stdin)
	input.DisallowUnknownFields() // a misspelt field would quietly be another question
	if err := input.Decode(&questions); err != nil {
		log.Fatalf("cannot read the questions: %v", err)
	}
	answers := make([][]answer, len(questions))
	for i, asked := range questions {
		answers[i] = judge(asked)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatalf("cannot write the answers: %v", err)
	}
}

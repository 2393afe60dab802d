{{- define "operator.container" -}}
{{- if and .Values.metrics.enabled .Values.healthProbe.enabled (eq (int .Values.metrics.port) (int .Values.healthProbe.port)) }}
{{- fail (printf "metrics.port and healthProbe.port are both %d: each needs a port of its own" (int .Values.metrics.port)) }}
{{- end }}
{{- $tcp := ternary "tcp6" "tcp" .Values.ipv6 }}
- name: manager
  image: {{ include "operator.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args:  # the image's entry point is twistd --nodaemon --pidfile= isoproxy
    - --role=operator
    # Proxies are of the same image: the two halves meet in what they write on objects.
    - --proxy-image={{ include "operator.image" . }}
    - --proxy-pull-policy={{ .Values.image.pullPolicy }}
    {{- range .Values.imagePullSecrets }}
    - --proxy-pull-secret={{ .name }}
    {{- end }}
    {{- range .Values.watchNamespaces }}
    - --namespace={{ . }}
    {{- end }}
    {{- if .Values.leaderElection.enabled }}
    - --leader-elect
    - --leader-election-namespace={{ .Release.Namespace }}
    - --leader-election-id={{ include "operator.fullname" . }}
    {{- end }}
    {{- if .Values.metrics.enabled }}
    - --metrics-listen={{ $tcp }}:{{ .Values.metrics.port }}
    {{- end }}
    {{- if .Values.healthProbe.enabled }}
    - --health-listen={{ $tcp }}:{{ .Values.healthProbe.port }}
    {{- end }}
    {{- range .Values.networkPolicy.apiServerPorts }}
    - --api-server-port={{ . }}
    {{- end }}
    {{- if not (include "operator.hasBudgets" .) }}
    - --no-disruption-budgets
    {{- end }}
    {{- if not (include "operator.evictsUnready" .) }}
    - --no-unready-evictions
    {{- end }}
    {{- if .Values.ipv6 }}
    - --proxy-ipv6
    {{- end }}
    {{- with .Values.extraArgs }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  env:
    - name: POD_UID
      valueFrom:
        fieldRef:
          fieldPath: metadata.uid
    {{- with .Values.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or .Values.metrics.enabled .Values.healthProbe.enabled }}
  ports:
    {{- if .Values.metrics.enabled }}
    - name: metrics
      containerPort: {{ .Values.metrics.port }}
    {{- end }}
    {{- if .Values.healthProbe.enabled }}
    - name: health
      containerPort: {{ .Values.healthProbe.port }}
    {{- end }}
  {{- end }}
  {{- if .Values.healthProbe.enabled }}
  startupProbe:  # Python, its libraries and the first lists may take a while where the CPU is short
    httpGet:
      path: /healthz
      port: health
    periodSeconds: 2
    failureThreshold: 60
  livenessProbe:
    httpGet:
      path: /healthz
      port: health
    periodSeconds: 20
    timeoutSeconds: 5
  readinessProbe:
    httpGet:
      path: /readyz
      port: health
    periodSeconds: 5
    timeoutSeconds: 5
  {{- end }}
  {{- with .Values.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.securityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

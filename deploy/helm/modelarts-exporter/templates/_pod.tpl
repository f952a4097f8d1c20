{{/* The exporter's pod, of a Deployment or, with shards, of a StatefulSet. */}}
{{- define "modelarts-exporter.pod" -}}
metadata:
  labels:
    {{- include "modelarts-exporter.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: exporter
    checksum/config: {{ print (include (print $.Template.BasePath "/configmap.yaml") .) (include (print $.Template.BasePath "/secret.yaml") .) | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "modelarts-exporter.podSettings" . | nindent 2 }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
  {{- else if include "modelarts-exporter.isSharded" . }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "modelarts-exporter.selectorLabels" . | nindent 10 }}
  {{- end }}
  containers:
    - name: exporter
      {{- include "modelarts-exporter.containerSettings" . | nindent 6 }}
      {{- if or (include "modelarts-exporter.isSharded" .) .Values.extraEnv }}
      env:
        {{- if include "modelarts-exporter.isSharded" . }}
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- end }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      args:
        {{- if .Values.demo }}
        - demo
        {{- else }}
        - --config.file=/etc/modelarts-exporter/modelarts.yml
        {{- end }}
        {{- with .Values.web }}
        {{- if or .config .existingFile }}
        - --web.config.file=/etc/modelarts-exporter/{{ default "web.yml" .existingFile }}
        {{- end }}
        {{- end }}
        {{- with .Values.web.externalUrl }}
        - --web.external-url={{ . }}
        {{- end }}
        {{- with .Values.web.routePrefix }}
        - --web.route-prefix={{ . }}
        {{- end }}
        {{- if include "modelarts-exporter.isSharded" . }}
        - --shard-from-pod=$(POD_NAME)
        - --total-shards={{ .Values.shards }}
        {{- end }}
        - --log.level={{ .Values.log.level }}
        - --log.format={{ .Values.log.format }}
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - name: http
          containerPort: 10198
          protocol: TCP
      livenessProbe:
        httpGet:
          path: {{ include "modelarts-exporter.prefix" . }}/-/healthy
          port: http
          scheme: {{ include "modelarts-exporter.scheme" . | upper }}
        {{- toYaml .Values.livenessProbe | nindent 8 }}
      readinessProbe:
        httpGet:
          path: {{ include "modelarts-exporter.prefix" . }}/-/ready
          port: http
          scheme: {{ include "modelarts-exporter.scheme" . | upper }}
        {{- toYaml .Values.readinessProbe | nindent 8 }}
{{- end }}

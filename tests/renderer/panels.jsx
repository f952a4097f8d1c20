// Draws panels of a dashboard, with answers of Prometheus, as Grafana's own components do.
import * as data from '@grafana/data';
import * as ui from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { flushSync } from 'react-dom';
import { lastValueFrom } from 'rxjs';

const CELL = { height: 30, gap: 8, row: 38 };
const UNDRAWABLE = { heatmap: 'Heatmap', 'state-timeline': 'State timeline' };
const PANELS = { timeseries: TimeSeries, stat: Stat, bargauge: BarGauge, table: Table };

// Which properties a field can have; Grafana keeps its own list in its plugins.
const standard = ['unit', 'decimals', 'min', 'max', 'noValue', 'displayName', 'mappings', 'thresholds', 'color', 'links'];
const custom = ['drawStyle', 'lineWidth', 'lineStyle', 'fillOpacity', 'showPoints', 'pointSize', 'spanNulls', 'stacking',
  'barAlignment', 'barWidthFactor', 'axisPlacement', 'axisLabel', 'axisSoftMax', 'scaleDistribution', 'thresholdsStyle', 'width', 'minWidth', 'align', 'cellOptions', 'hidden'];
const registry = new data.FieldConfigOptionsRegistry();
const property = (name, isCustom) => registry.register({
  id: isCustom ? `custom.${name}` : name, path: name, name, isCustom, shouldApply: () => true,
  process: name === 'thresholds' ? data.thresholdsOverrideProcessor : (value) => value,
});
standard.forEach((name) => property(name, false));
custom.forEach((name) => property(name, true));
data.standardTransformersRegistry.setInit(() => [...new Set(Object.values(data.standardTransformers))]
  .map((transformation) => ({ id: transformation.id, name: transformation.id, transformation })));

// What a panel of a kind has where its JSON says nothing.
const CUSTOM_DEFAULTS = {
  timeseries: { drawStyle: 'line', lineWidth: 1, showPoints: 'auto', pointSize: 5, axisPlacement: 'auto', scaleDistribution: { type: 'linear' } },
  table: { align: 'auto', cellOptions: { type: 'auto' } },
};

function frames({ target, step, series }, isOnlyQuery) {
  const value = isOnlyQuery ? 'Value' : `Value #${target.refId}`;
  if (target.format === 'table') {
    const labels = [...new Set(series.flatMap((one) => Object.keys(one.metric)))].sort();
    return series.length === 0 ? [] : [data.toDataFrame({ refId: target.refId, fields: [
      { name: 'Time', type: 'time', values: series.map((one) => one.value[0] * 1000) },
      ...labels.map((name) => ({ name, type: 'string', values: series.map((one) => one.metric[name] ?? '') })),
      { name: value, type: 'number', values: series.map((one) => Number(one.value[1])) }] })];
  }
  return series.map(({ metric, values, value: single, name }) => {
    const points = values ?? [single];
    return data.toDataFrame({ refId: target.refId, fields: [
      { name: 'Time', type: 'time', config: { interval: step * 1000 }, values: points.map(([moment]) => moment * 1000) },
      { name: 'Value', type: 'number', labels: metric, config: { displayNameFromDS: name }, values: points.map(([, text]) => Number(text)) }] });
  });
}

async function prepared(panel, answers, theme) {
  if (panel.type === 'row') {
    return null;
  }
  const found = answers.flatMap((one) => frames(one, answers.length === 1));
  const transformed = await lastValueFrom(data.transformDataFrame(panel.transformations ?? [], found));
  const { defaults, overrides } = panel.fieldConfig;
  const fieldConfig = { overrides: overrides ?? [], defaults: {
    color: { mode: panel.type === 'timeseries' ? 'palette-classic' : 'thresholds' }, ...defaults,
    custom: { ...CUSTOM_DEFAULTS[panel.type], ...defaults.custom } } };
  const series = data.applyFieldOverrides({ data: transformed, fieldConfig, fieldConfigRegistry: registry, theme, timeZone: 'utc', replaceVariables: (text) => text });
  return { series, fieldConfig };
}

function TimeSeries({ panel, series, width, height, timeRange }) {
  // Where a series has no value at a step, its line has a gap.
  const frames = series.map((frame) => data.applyNullInsertThreshold({ frame }));
  return <ui.TimeSeries frames={frames} structureRev={1} timeRange={timeRange} timeZone="utc" width={width} height={height}
    legend={panel.options.legend} options={panel.options} />;
}

function values(panel, series, fieldConfig, theme) {
  const { reduceOptions } = panel.options;
  return data.getFieldDisplayValues({ fieldConfig, reduceOptions, replaceVariables: (text) => text, theme, data: series, timeZone: 'utc', sparkline: panel.type === 'stat' && panel.options.graphMode !== 'none' });
}

function Stat({ panel, series, fieldConfig, width, height, theme }) {
  return <ui.VizRepeater getValues={() => values(panel, series, fieldConfig, theme)} width={width} height={height} itemSpacing={3} renderCounter={1} source={series} autoGrid orientation="auto"
    getAlignmentFactors={(all) => data.getDisplayValueAlignmentFactors(all)}
    renderValue={({ value, alignmentFactors, width, height, count }) => <ui.BigValue value={value.display} count={count} sparkline={value.sparkline} colorMode={panel.options.colorMode ?? 'value'}
      graphMode={panel.options.graphMode ?? 'area'} justifyMode="auto" textMode={panel.options.textMode ?? 'auto'} wideLayout={panel.options.wideLayout} alignmentFactors={alignmentFactors} width={width} height={height} theme={theme} />} />;
}

function BarGauge({ panel, series, fieldConfig, width, height, theme }) {
  return <ui.VizRepeater getValues={() => values(panel, series, fieldConfig, theme)} width={width} height={height} itemSpacing={8} renderCounter={1} source={series} orientation={panel.options.orientation}
    minVizHeight={16} maxVizHeight={32}
    getAlignmentFactors={(all) => data.getDisplayValueAlignmentFactors(all)}
    renderValue={({ value, alignmentFactors, width, height, orientation }) => <ui.BarGauge value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex)}
      text={panel.options.text} width={width} height={height} orientation={orientation} displayMode={panel.options.displayMode} showUnfilled={panel.options.showUnfilled ?? true} alignmentFactors={alignmentFactors} theme={theme} itemSpacing={8} lcdCellWidth={8} />} />;
}

function Table({ panel, series, width, height }) {
  return <ui.Table data={series[0]} width={width} height={height} initialSortBy={panel.options.sortBy} showTypeIcons={false} resizable={false} ariaLabel={panel.title} />;
}

function hasValues({ fields }) {
  return fields.some(({ type, values }) => (type === 'number' ? values.some(Number.isFinite) : type === 'string' && values.length > 0));
}

function Body({ panel, answers, prepared: { series, fieldConfig }, ...place }) {
  const unavailable = answers.find((one) => one.error);
  const style = { height: place.height, display: 'flex', alignItems: 'center', justifyContent: 'center', textAlign: 'center', color: place.theme.colors.text.secondary };
  if (unavailable) {
    return <div className="failed" style={style}>{unavailable.error}</div>;
  }
  if (!series.some(hasValues)) {
    return <div className="empty" style={style}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
  }
  if (UNDRAWABLE[panel.type]) {
    return <div className="undrawable" style={{ ...style, border: `1px dashed ${place.theme.colors.border.medium}` }}>{UNDRAWABLE[panel.type]} of {series.length} series</div>;
  }
  const Panel = PANELS[panel.type];
  return <Panel {...{ panel, series, fieldConfig, ...place }} />;
}

function Placed({ panel, answers, prepared, timeRange, theme, width }) {
  const { x, y, w, h } = panel.gridPos;
  const column = (width + CELL.gap) / 24;
  const style = { position: 'absolute', left: x * column, top: y * CELL.row };
  if (panel.type === 'row') {
    return <h4 style={{ ...style, lineHeight: `${CELL.height}px` }}>{panel.title}</h4>;
  }
  const size = { width: w * column - CELL.gap, height: h * CELL.row - CELL.gap };
  return <section id={`panel-${panel.id}`} style={style}>
    <ui.PanelChrome title={panel.title} padding="md" {...size}>
      {(width, height) => <Body {...{ panel, answers, prepared, timeRange, theme, width, height }} />}
    </ui.PanelChrome>
  </section>;
}

// What the drawn panels show, for tests.
window.panels = () => [...document.querySelectorAll('section[id^=panel-]')].map((section) => ({
  number: Number(section.id.replace('panel-', '')),
  state: section.querySelector('.empty, .failed, .undrawable')?.className ?? 'drawn',
  text: section.innerText,
  rows: [...section.querySelectorAll('[role=row]')]
    .map((row) => [...row.querySelectorAll('[role=cell], [role=columnheader]')].map((cell) => cell.innerText.trim())),
}));

// Draws a dashboard: panels with their answers, from a moment to another in Unix seconds.
window.draw = async ({ panels, from, to, width }) => {
  const theme = data.createTheme({ colors: { mode: 'dark' } });
  const [start, end] = [data.dateTime(from * 1000), data.dateTime(to * 1000)];
  const timeRange = { from: start, to: end, raw: { from: start, to: end } };
  const ready = await Promise.all(panels.map(async (one) => ({ ...one, prepared: await prepared(one.panel, one.answers, theme) })));
  const height = Math.max(...panels.map(({ panel: { gridPos } }) => gridPos.y + gridPos.h)) * CELL.row;
  document.body.style.margin = 0;
  document.body.innerHTML = '<div id="root"></div>';
  flushSync(() => createRoot(document.getElementById('root')).render(
    <data.ThemeContext.Provider value={theme}>
      <ui.GlobalStyles />
      <div id="dashboard" style={{ position: 'relative', width, height, margin: 8 }}>
        {ready.map((one) => <Placed key={one.panel.id} {...one} {...{ timeRange, theme, width }} />)}
      </div>
    </data.ThemeContext.Provider>));
  // Canvases are drawn with the next frame.
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
};

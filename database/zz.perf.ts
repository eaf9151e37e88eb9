import { openDatabase } from "/work/main/database/database.ts";
import fs from "node:fs";
import { randomUUID, randomBytes } from "node:crypto";
fs.rmSync("/tmp/sb/perf",{recursive:true,force:true});
const db = await openDatabase({url:"sqlite:/tmp/sb/perf/x.db"}); await db.migrate(); const s=db.store;
const up=(clientId:number,over:any={})=>({id:null,batch:{publicId:randomUUID(),clientId,policyVersion:1,format:"ndjson" as const,requestId:null},chunks:[],totals:{bytes:60,records:600000,chunks:120,contentHash:"ab".repeat(32),envelope:{}},phase:"deliver" as const,state:"ready" as const,due:{inMs:0},reason:null,queue:{cap:2,weight:1},events:[],...over});
const row = (n:number)=>'{"id":'+n+',"name":"customer '+n+'","pad":"'+"x".repeat(150)+'"}';
for (let conc=1;conc<=2;conc++){
 const run=async()=>{const b=(await s.commitUpload(up(conc)))!.batch; const c=(await s.claim(b.id,"n",30000))!.batch;
 const N=5000,C=120; const texts:string[]=[];for(let k=0;k<C;k++){const a=[];for(let i=0;i<N;i++)a.push(row(k*N+i));texts.push(a.join("\n"))}
 return async()=>{for(let k=0;k<C;k++)await s.commitChunk({id:b.id,fence:c.fence,chunk:k,leaseMs:30000,firstRecord:k*N+1,records:N,text:texts[k]!,errors:[],counts:{accepted:N,rejected:0,duplicate:0},next:{phase:"deliver",chunk:k+1},end:null});return N*C}};
 const rs=await Promise.all(Array.from({length:conc},run)); const t=performance.now(); const n=(await Promise.all(rs.map(r=>r()))).reduce((a,b)=>a+b); console.log("commitChunk",conc,"at once", Math.round(n/(performance.now()-t)*1000).toLocaleString(),"rows/s");
}
const body=randomBytes(7000);
for(const conc of [1,16,64]){ const lat:number[]=[]; const end=performance.now()+3000; let n=0; const t0=performance.now();
 await Promise.all(Array.from({length:conc},async()=>{while(performance.now()<end){const t=performance.now();await s.commitUpload(up(100+conc,{chunks:[{no:0,firstRecord:1,firstLine:1,records:100,codec:"zstd",oversized:[],body}],events:[{topic:"batch.created",body:"x".repeat(300)},{topic:"batch.ready",body:"x".repeat(300)}]}));n++;lat.push(performance.now()-t)}}));
 lat.sort((a,b)=>a-b); console.log("small commit",conc,"at once",Math.round(n/(performance.now()-t0)*1000),"/s p50",lat[n>>1]!.toFixed(2),"p99",lat[Math.floor(n*.99)]!.toFixed(2),"max",lat[n-1]!.toFixed(1)); }
for(const o of await s.takeOutbox(1e6,-1,1)) void o;
let t=performance.now(); const M=100000; for(let i=0;i<M;i+=1000) await Promise.all(Array.from({length:1000},()=>s.commitUpload(up(500)))); console.log("100k ready",Math.round(M/(performance.now()-t)*1000),"/s");
t=performance.now(); for(let i=0;i<1000;i++) await s.candidates(20); console.log("candidates ms",((performance.now()-t)/1000).toFixed(3), await s.candidates(3));
t=performance.now(); for(let i=0;i<1000;i++) await s.isOvertaken(500); console.log("isOvertaken ms",((performance.now()-t)/1000).toFixed(3));
for(let i=0;i<2000;i++) await s.commitUpload(up(1000+i));
t=performance.now(); for(let i=0;i<100;i++) await s.candidates(20); console.log("candidates, 2000 clients wait, ms",((performance.now()-t)/100).toFixed(3));
t=performance.now(); let k=0; for(const c of await s.candidates(1000)) {await s.claim(c.id,"n",30000);k++}; console.log("claim ms",((performance.now()-t)/k).toFixed(3));
t=performance.now(); await s.stats(); console.log("stats ms",(performance.now()-t).toFixed(1));
t=performance.now(); for(let i=0;i<10000;i++) await db.now(); console.log("round trip µs",((performance.now()-t)/10).toFixed(1));
await db.close();

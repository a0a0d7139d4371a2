/* The programs of bench_sequential.py by hand: a loss, its gradient, and a step of descent.

   Each function makes `steps` steps on the parameters p and returns the last loss. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#define MOST 16384
static double kf_ll(const double*y,int T,const double*p,double*g){ // forward + reverse
  static double M0[MOST],M1[MOST],A[MOST],B[MOST],C[MOST]; // predicted
  double q1=exp(p[0]),q2=exp(p[1]),r=exp(p[2]);
  double m0=y[0],m1=0,a=10,b=0,c=10,ll=0;
  for(int t=1;t<T;t++){ m0=m0+m1; a=a+2*b+c+q1; b=b+c; c=c+q2; M0[t]=m0;M1[t]=m1;A[t]=a;B[t]=b;C[t]=c;
    double s=a+r,e=y[t]-m0,is=1/s,k0=a*is,k1=b*is; ll-=0.5*(log(s)+e*e*is+1.8378770664093453);
    m0+=k0*e;m1+=k1*e; c-=k1*b; b-=k0*b; a-=k0*a; }
  double w=1.0/T; double gm0=0,gm1=0,ga=0,gb=0,gc=0,gq1=0,gq2=0,gr=0;
  for(int t=T-1;t>=1;t--){ double a=A[t],b=B[t],c=C[t],m0=M0[t],s=a+r,is=1/s,e=y[t]-m0,k0=a*is,k1=b*is;
    double gk0=gm0*e,gk1=gm1*e,ge=gm0*k0+gm1*k1,gs=0;
    // c' = c-k1*b ; b' = b-k0*b ; a' = a-k0*a
    gk1-=gc*b; double gb_=-gc*k1; double gc_=gc;
    gk0-=gb*b; gb_+=gb*(1-k0);
    gk0-=ga*a; double ga_=ga*(1-k0);
    ge+=w*e*is; gs+=w*0.5*(is-e*e*is*is);
    ga_+=gk0*is; gs-=gk0*k0*is; gb_+=gk1*is; gs-=gk1*k1*is;
    ga_+=gs; gr+=gs; double gm0_=gm0-ge; 
    // predict: m0=m0p+m1p; a=ap+2bp+cp+q1; b=bp+cp; c=cp+q2
    gq1+=ga_; gq2+=gc_; double ngm1=gm1+gm0_; double gbp=2*ga_+gb_, gcp=ga_+gb_+gc_;
    gm0=gm0_;gm1=ngm1;ga=ga_;gb=gbp;gc=gcp; }
  g[0]=gq1*q1;g[1]=gq2*q2;g[2]=gr*r; return -ll/T; }
double kf_steps(const double*y,int T,double*p,double lr,int n){ double g[3],l=0; for(int i=0;i<n;i++){l=kf_ll(y,T,p,g); for(int k=0;k<3;k++)p[k]-=lr*g[k];} return l;}

#define H 8
#define I 3
static inline double sg(double x){return 1/(1+exp(-x));}
// p: Wx[4H][I], Wh[4H][H], b[4H], wo[H]
double lstm_steps(const double*x,const double*y,int T,double*p,double lr,int n){
  static double Z[256][4*H],Cc[257][H],Hh[257][H],TC[256][H],O[256]; static double g[4*H*I+4*H*H+4*H+H]; double l=0;
  for(int it=0;it<n;it++){ double*Wx=p,*Wh=p+4*H*I,*b=Wh+4*H*H,*wo=b+4*H; memset(Hh[0],0,sizeof Hh[0]);memset(Cc[0],0,sizeof Cc[0]); l=0;
   for(int t=0;t<T;t++){ for(int j=0;j<4*H;j++){double z=b[j]; for(int i=0;i<I;i++)z+=Wx[j*I+i]*x[t*I+i]; for(int i=0;i<H;i++)z+=Wh[j*H+i]*Hh[t][i]; Z[t][j]=z;}
    for(int j=0;j<2*H;j++)Z[t][j]=sg(Z[t][j]); for(int j=2*H;j<3*H;j++)Z[t][j]=tanh(Z[t][j]); for(int j=3*H;j<4*H;j++)Z[t][j]=sg(Z[t][j]);
    double o=0; for(int j=0;j<H;j++){double c=Z[t][H+j]*Cc[t][j]+Z[t][j]*Z[t][2*H+j];Cc[t+1][j]=c;TC[t][j]=tanh(c);Hh[t+1][j]=Z[t][3*H+j]*TC[t][j];o+=wo[j]*Hh[t+1][j];} O[t]=o-y[t]; l+=O[t]*O[t];}
   l/=T; memset(g,0,sizeof g); double*gWx=g,*gWh=g+4*H*I,*gb=gWh+4*H*H,*gwo=gb+4*H; double dh[H]={0},dc[H]={0};
   for(int t=T-1;t>=0;t--){ double e=2*O[t]/T; double dz[4*H];
    for(int j=0;j<H;j++){ gwo[j]+=e*Hh[t+1][j]; double d=dh[j]+e*wo[j]; double i=Z[t][j],f=Z[t][H+j],gg=Z[t][2*H+j],o=Z[t][3*H+j];
      double c=dc[j]+d*o*(1-TC[t][j]*TC[t][j]); dz[3*H+j]=d*TC[t][j]*o*(1-o); dz[j]=c*gg*i*(1-i); dz[H+j]=c*Cc[t][j]*f*(1-f); dz[2*H+j]=c*i*(1-gg*gg); dc[j]=c*f;}
    double nh[H]={0};
    for(int j=0;j<4*H;j++){ gb[j]+=dz[j]; for(int i=0;i<I;i++)gWx[j*I+i]+=dz[j]*x[t*I+i]; for(int i=0;i<H;i++){gWh[j*H+i]+=dz[j]*Hh[t][i]; nh[i]+=dz[j]*Wh[j*H+i];}}
    memcpy(dh,nh,sizeof nh);}
   for(int k=0;k<4*H*I+4*H*H+4*H+H;k++)p[k]-=lr*g[k]; }
  return l;}

double pend_steps(const double*y,int N,double dt,double*p,double lr,int n){
  static double TH[MOST][4],OM[MOST][4]; static double E[MOST]; double l=0;
  for(int it=0;it<n;it++){ double k=p[0],d=p[1],th=p[2],om=p[3]; l=0;
   for(int t=0;t<N;t++){ double t1=th,o1=om,a1=o1,b1=-k*sin(t1)-d*o1; double t2=th+dt/2*a1,o2=om+dt/2*b1,a2=o2,b2=-k*sin(t2)-d*o2;
     double t3=th+dt/2*a2,o3=om+dt/2*b2,a3=o3,b3=-k*sin(t3)-d*o3; double t4=th+dt*a3,o4=om+dt*b3,a4=o4,b4=-k*sin(t4)-d*o4;
     TH[t][0]=t1;TH[t][1]=t2;TH[t][2]=t3;TH[t][3]=t4;OM[t][0]=o1;OM[t][1]=o2;OM[t][2]=o3;OM[t][3]=o4;
     th+=dt/6*(a1+2*a2+2*a3+a4);om+=dt/6*(b1+2*b2+2*b3+b4); E[t]=th-y[t]; l+=E[t]*E[t];}
   l/=N; double gk=0,gd=0,gt=0,go=0;
   for(int t=N-1;t>=0;t--){ gt+=2*E[t]/N; double ga[4]={dt/6*gt,dt/3*gt,dt/3*gt,dt/6*gt},gb[4]={dt/6*go,dt/3*go,dt/3*go,dt/6*go}; double nt=gt,no=go;
     static const double h[4]={0,.5,.5,1};
     for(int s=3;s>=0;s--){ double dth=-gb[s]*k*cos(TH[t][s]), dom=ga[s]-gb[s]*d; gk-=gb[s]*sin(TH[t][s]); gd-=gb[s]*OM[t][s]; nt+=dth;no+=dom; if(s){ga[s-1]+=h[s]*dt*dth;gb[s-1]+=h[s]*dt*dom;} }
     gt=nt;go=no;}
   p[0]-=lr*gk;p[1]-=lr*gd;p[2]-=lr*gt;p[3]-=lr*go;}
  return l;}

// p: sub[A][A], ins, del
double soft_steps(const int*s,int ns,const int*t,int nt,double target,double gma,double*p,int A,double lr,int n){
  static double D[64][64],G[64][64],W0[64][64],W1[64][64],W2[64][64]; static double g[4096]; double l=0;
  for(int it=0;it<n;it++){ double ins=p[A*A],del=p[A*A+1]; D[0][0]=0; for(int i=1;i<=ns;i++)D[i][0]=D[i-1][0]+del; for(int j=1;j<=nt;j++)D[0][j]=D[0][j-1]+ins;
   double ig=1/gma;
   for(int i=1;i<=ns;i++)for(int j=1;j<=nt;j++){ double a=D[i-1][j]+del,b=D[i][j-1]+ins,c=D[i-1][j-1]+p[s[i-1]*A+t[j-1]]; double m=a<b?a:b; if(c<m)m=c; double x=exp((m-a)*ig),y=exp((m-b)*ig),z=exp((m-c)*ig),S=x+y+z; D[i][j]=m-gma*log(S); double iS=1/S; W0[i][j]=x*iS;W1[i][j]=y*iS;W2[i][j]=z*iS;}
   double e=D[ns][nt]-target; l=e*e; memset(G,0,sizeof G); memset(g,0,(A*A+2)*sizeof(double)); G[ns][nt]=2*e; double gi=0,gd=0;
   for(int i=ns;i>=1;i--)for(int j=nt;j>=1;j--){ double q=G[i][j]; double u=q*W0[i][j],v=q*W1[i][j],w=q*W2[i][j]; G[i-1][j]+=u;gd+=u; G[i][j-1]+=v;gi+=v; G[i-1][j-1]+=w; g[s[i-1]*A+t[j-1]]+=w;}
   for(int i=ns;i>=1;i--){gd+=G[i][0];G[i-1][0]+=G[i][0];} for(int j=nt;j>=1;j--){gi+=G[0][j];G[0][j-1]+=G[0][j];}
   g[A*A]=gi;g[A*A+1]=gd; for(int k=0;k<A*A+2;k++)p[k]-=lr*g[k]; }
  return l;}
static double *X; static long XN;
static void room(long n){if(n>XN){X=realloc(X,n*8);XN=n;}}
double chain_steps(int T,double x0,double*p,double lr,int n){room(T+2);double l=0;for(int it=0;it<n;it++){double a=p[0],b=p[1],x=x0;for(int k=0;k<T;k++){X[k]=x;x=x*a+b;}l=x*x;double g=2*x,ga=0,gb=0;for(int k=T-1;k>=0;k--){ga+=g*X[k];gb+=g;g*=a;}p[0]-=lr*ga;p[1]-=lr*gb;}return l;}
double chainsin_steps(int T,double x0,double*p,double lr,int n){room(4*(long)T+4);double l=0;for(int it=0;it<n;it++){double a=p[0],b=p[1],x=x0;for(int k=0;k<T;k++){X[4*k]=x;x=x*a+b;X[4*k+1]=x;x=x*a+b;X[4*k+2]=x;x=x*a+b;X[4*k+3]=x;x=sin(x);}l=x*x;double g=2*x,ga=0,gb=0;for(int k=T-1;k>=0;k--){g*=cos(X[4*k+3]);for(int j=2;j>=0;j--){ga+=g*X[4*k+j];gb+=g;g*=a;}}p[0]-=lr*ga;p[1]-=lr*gb;}return l;}
#define M 64
double chol_steps(int n,const double*x,const double*y,double*p,double lr,int steps){static double K[M][M],L[M][M],G[M][M],z[M],gz[M],D[M][M];double l=0;
 for(int it=0;it<steps;it++){double el=exp(p[0]),es=exp(p[1]),eq=exp(p[2]);
  for(int i=0;i<n;i++)for(int j=0;j<=i;j++){double d=(x[i]-x[j])/el;D[i][j]=d*d;K[i][j]=exp(-.5*d*d);L[i][j]=es*K[i][j]+(i==j?eq:0);}
  for(int i=0;i<n;i++)for(int j=0;j<=i;j++){double t=L[i][j];for(int k=0;k<j;k++)t-=L[i][k]*L[j][k];L[i][j]=i==j?sqrt(t):t/L[j][j];}
  l=0;for(int i=0;i<n;i++){double t=y[i];for(int k=0;k<i;k++)t-=L[i][k]*z[k];z[i]=t/L[i][i];l+=.5*z[i]*z[i]+log(L[i][i]);}
  memset(G,0,sizeof G);for(int i=0;i<n;i++)gz[i]=z[i];
  for(int i=n-1;i>=0;i--){double g=gz[i]/L[i][i];G[i][i]+=1/L[i][i]-g*z[i];for(int k=0;k<i;k++){G[i][k]-=g*z[k];gz[k]-=g*L[i][k];}}
  double gl=0,gs=0,gq=0;
  for(int i=n-1;i>=0;i--)for(int j=i;j>=0;j--){double g;if(i==j){g=G[i][i]*.5/L[i][i];}else{g=G[i][j]/L[j][j];G[j][j]-=g*L[i][j];}
   if(i==j){for(int k=0;k<j;k++)G[i][k]-=2*g*L[i][k];}else for(int k=0;k<j;k++){G[i][k]-=g*L[j][k];G[j][k]-=g*L[i][k];}
   gs+=g*K[i][j];if(i==j)gq+=g;gl+=g*es*K[i][j]*D[i][j];}
  p[0]-=lr*gl;p[1]-=lr*gs*es;p[2]-=lr*gq*eq;}
 return l;}
double dag_steps(int n,const int*o,const int*a,const int*b,int ne,const int*ends,double x,double*p,double lr,int steps){room(2L*n);double*v=X,*g=X+n;double l=0;
 for(int it=0;it<steps;it++){for(int i=0;i<50;i++)v[i]=p[i]*x;
  for(int i=50;i<n;i++){double s=v[a[i]],t=v[b[i]];switch(o[i]){case 0:v[i]=(s+t)*.5;break;case 1:v[i]=s*t;break;case 2:v[i]=tanh(s-t);break;default:v[i]=sin(s);}}
  l=0;memset(g,0,n*8);for(int k=0;k<ne;k++){l+=v[ends[k]];g[ends[k]]+=1;}
  for(int i=n-1;i>=50;i--){double s=v[a[i]],t=v[b[i]],q=g[i];switch(o[i]){case 0:g[a[i]]+=.5*q;g[b[i]]+=.5*q;break;case 1:g[a[i]]+=q*t;g[b[i]]+=q*s;break;case 2:q*=1-v[i]*v[i];g[a[i]]+=q;g[b[i]]-=q;break;default:g[a[i]]+=q*cos(s);}}
  for(int i=0;i<50;i++)p[i]-=lr*g[i]*x;}
 return l;}
double heat_steps(int T,int n,const double*u0,const double*t,double*p,double lr,int steps){static double U[1024][128],k[128],gk[128],g[128],h[128];double l=0;
 for(int it=0;it<steps;it++){for(int i=0;i<n-1;i++){k[i]=exp(p[i]);gk[i]=0;}memcpy(U[0],u0,n*8);
  for(int s=0;s<T;s++){double f[128];for(int i=0;i<n-1;i++)f[i]=k[i]*(U[s][i+1]-U[s][i]);U[s+1][0]=U[s][0]+.5*f[0];for(int i=1;i<n-1;i++)U[s+1][i]=U[s][i]+.5*(f[i]-f[i-1]);U[s+1][n-1]=U[s][n-1]-.5*f[n-2];}
  l=0;for(int i=0;i<n;i++){double e=U[T][i]-t[i];l+=e*e;g[i]=2*e;}
  for(int s=T-1;s>=0;s--){double gf[128];for(int i=0;i<n-1;i++){gf[i]=.5*(g[i]-g[i+1]);gk[i]+=gf[i]*(U[s][i+1]-U[s][i]);gf[i]*=k[i];}
   h[0]=g[0]-gf[0];for(int i=1;i<n-1;i++)h[i]=g[i]+gf[i-1]-gf[i];h[n-1]=g[n-1]+gf[n-2];memcpy(g,h,n*8);}
  for(int i=0;i<n-1;i++)p[i]-=lr*gk[i]*k[i];}
 return l;}

double garch_steps(const double*y,int T,double*p,double lr,int n){static double h[MOST];double l=0;
 for(int it=0;it<n;it++){double w=exp(p[0]),a=1/(1+exp(-p[1])),b=1/(1+exp(-p[2])),x=1;l=0;
  for(int t=0;t<T;t++){h[t]=x;x=w+a*y[t]*y[t]+b*x;l+=log(x)+y[t]*y[t]/x;}
  double g=0,gw=0,ga=0,gb=0,i=1.0/T;l*=i;
  for(int t=T-1;t>=0;t--){double v=t<T-1?h[t+1]:x,s=1/v;g+=i*(s-y[t]*y[t]*s*s);gw+=g;ga+=g*y[t]*y[t];gb+=g*h[t];g*=b;}
  p[0]-=lr*gw*w;p[1]-=lr*ga*a*(1-a);p[2]-=lr*gb*b*(1-b);}
 return l;}
double lotka_steps(int T,const double*end,double*p,double lr,int n){static double X[MOST],Y[MOST];double l=0;
 for(int it=0;it<n;it++){double a=p[0],b=p[1],c=p[2],d=p[3],x=1,y=.5,h=.02;
  for(int t=0;t<T;t++){X[t]=x;Y[t]=y;double u=x+h*x*(a-b*y);y=y+h*y*(c*x-d);x=u;}
  double e=x-end[0],f=y-end[1];l=e*e+f*f;double gx=2*e,gy=2*f,ga=0,gb=0,gc=0,gd=0;
  for(int t=T-1;t>=0;t--){double u=X[t],v=Y[t],hx=h*gx,hy=h*gy;ga+=hx*u;gb-=hx*u*v;gc+=hy*u*v;gd-=hy*v;
   double nx=gx+hx*(a-b*v)+hy*v*c;gy=gy+hy*(c*u-d)-hx*u*b;gx=nx;}
  p[0]-=lr*ga;p[1]-=lr*gb;p[2]-=lr*gc;p[3]-=lr*gd;}
 return l;}

// p: a, b, g before the sigmoid; level, trend, seasons
double holt_steps(const double*y,int T,int S,double*p,double lr,int n){static double Lv[MOST],Tr[MOST],Se[MOST],E[MOST],N[MOST];double l=0;
 for(int it=0;it<n;it++){double a=sg(p[0]),b=sg(p[1]),c=sg(p[2]),v=p[3],r=p[4],s[64],gs[64]={0};memcpy(s,p+5,S*8);l=0;
  for(int t=0;t<T;t++){int k=t%S;Lv[t]=v;Tr[t]=r;Se[t]=s[k];double e=v+r+s[k]-y[t];E[t]=e;l+=e*e;double w=a*(y[t]-s[k])+(1-a)*(v+r);N[t]=w;
   r=b*(w-v)+(1-b)*r;s[k]=c*(y[t]-w)+(1-c)*s[k];v=w;}
  l/=T;double ga=0,gb=0,gc=0,gv=0,gr=0;
  for(int t=T-1;t>=0;t--){int k=t%S;double e=2*E[t]/T,w=gv,q=gs[k],h=0;
   gc+=q*(y[t]-N[t]-Se[t]);w-=q*c;h+=q*(1-c);gb+=gr*(N[t]-Lv[t]-Tr[t]);w+=gr*b;double nv=-gr*b,nr=gr*(1-b);
   ga+=w*(y[t]-Se[t]-Lv[t]-Tr[t]);h-=w*a;nv+=w*(1-a);nr+=w*(1-a);gv=nv+e;gr=nr+e;gs[k]=h+e;}
  p[0]-=lr*ga*a*(1-a);p[1]-=lr*gb*b*(1-b);p[2]-=lr*gc*c*(1-c);p[3]-=lr*gv;p[4]-=lr*gr;for(int k=0;k<S;k++)p[5+k]-=lr*gs[k];}
 return l;}
// p: for each letter a weight and a bias
double ctc_steps(const double*x,int T,const int*w,int W,int K,double*p,double lr,int n){static double P[1024][16],Q[1024][8];double l=0;
 for(int it=0;it<n;it++){for(int t=0;t<T;t++){double z=0,m[8];for(int k=0;k<K;k++)z+=m[k]=exp(p[2*k]*x[t]+p[2*k+1]);for(int k=0;k<K;k++)Q[t][k]=m[k]/z;
   for(int k=0;k<W;k++){if(!t){P[0][k]=k<2?Q[0][w[k]]:0;continue;}double c=P[t-1][k]+(k?P[t-1][k-1]:0);if(k>1&&w[k]&&w[k]!=w[k-2])c+=P[t-1][k-2];P[t][k]=c*Q[t][w[k]];}}
  double s=P[T-1][W-1]+P[T-1][W-2];l=-log(s);double g[16]={0},gp[16]={0};g[W-1]=g[W-2]=-1/s;
  for(int t=T-1;t>=0;t--){double gm[8]={0},h[16]={0};for(int k=0;k<W;k++){if(!t){if(k<2)gm[w[k]]+=g[k];continue;}
    double c=P[t-1][k]+(k?P[t-1][k-1]:0);int j=k>1&&w[k]&&w[k]!=w[k-2];if(j)c+=P[t-1][k-2];gm[w[k]]+=g[k]*c;double q=g[k]*Q[t][w[k]];h[k]+=q;if(k)h[k-1]+=q;if(j)h[k-2]+=q;}
   double d=0;for(int k=0;k<K;k++)d+=gm[k]*Q[t][k];for(int k=0;k<K;k++){double q=Q[t][k]*(gm[k]-d);gp[2*k]+=q*x[t];gp[2*k+1]+=q;}memcpy(g,h,W*8);}
  for(int k=0;k<2*K;k++)p[k]-=lr*gp[k];}
 return l;}
double ring_steps(int T,int n,const double*u0,const double*e,double*p,double lr,int steps){static double U[1024][128],k[128],gk[128],g[128],h[128],f[130];double l=0;
 for(int it=0;it<steps;it++){for(int i=0;i<n;i++){k[i]=exp(p[i]);gk[i]=0;}memcpy(U[0],u0,n*8);
  for(int s=0;s<T;s++){double*u=U[s];for(int i=0;i<n-1;i++)f[i+1]=k[i]*(u[i+1]-u[i]);f[0]=f[n]=k[n-1]*(u[0]-u[n-1]);for(int i=0;i<n;i++)U[s+1][i]=u[i]+.3*(f[i+1]-f[i]);}
  l=0;for(int i=0;i<n;i++){double d=U[T][i]-e[i];l+=d*d;g[i]=2*d;}
  for(int s=T-1;s>=0;s--){double*u=U[s];for(int i=0;i<n-1;i++)f[i+1]=.3*(g[i]-g[i+1]);f[0]=f[n]=.3*(g[n-1]-g[0]);
   for(int i=0;i<n-1;i++)gk[i]+=f[i+1]*(u[i+1]-u[i]);gk[n-1]+=f[n]*(u[0]-u[n-1]);for(int i=0;i<n;i++)f[i+1]*=k[i];f[0]=f[n];
   for(int i=0;i<n;i++)h[i]=g[i]+f[i]-f[i+1];memcpy(g,h,n*8);}
  for(int i=0;i<n;i++)p[i]-=lr*gk[i]*k[i];}
 return l;}
// three bodies; p: places, speeds, masses. Each is pulled by the others in turn.
double body_steps(int T,double far,double*p,double lr,int n){static double X[4096][6];static double Q[4096][6][4];double l=0;
 for(int it=0;it<n;it++){double x[6],v[6],*m=p+12;memcpy(x,p,48);memcpy(v,p+6,48);
  for(int t=0;t<T;t++){memcpy(X[t],x,48);int q=0;for(int i=0;i<3;i++)for(int j=0;j<3;j++){if(i==j)continue;double a=x[2*j]-x[2*i],b=x[2*j+1]-x[2*i+1],r=a*a+b*b+.1,s=.01/(r*sqrt(r)),f=m[j]*s;
    v[2*i]+=f*a;v[2*i+1]+=f*b;double*o=Q[t][q++];o[0]=a;o[1]=b;o[2]=s;o[3]=r;}
   for(int k=0;k<6;k++)x[k]+=.01*v[k];}
  double d=x[0]-far;l=d*d+x[3]*x[3];double gx[6]={2*d,0,0,2*x[3],0,0},gv[6]={0},gm[3]={0};
  for(int t=T-1;t>=0;t--){for(int k=0;k<6;k++)gv[k]+=.01*gx[k];int q=0;for(int i=0;i<3;i++)for(int j=0;j<3;j++){if(i==j)continue;double*o=Q[t][q++],a=o[0],b=o[1],s=o[2],f=m[j]*s;
    double gf=gv[2*i]*a+gv[2*i+1]*b,ga=f*gv[2*i],gb=f*gv[2*i+1];gm[j]+=gf*s;double gr=gf*m[j]*s*-1.5/o[3];ga+=2*gr*a;gb+=2*gr*b;
    gx[2*j]+=ga;gx[2*i]-=ga;gx[2*j+1]+=gb;gx[2*i+1]-=gb;}}
  for(int k=0;k<6;k++){p[k]-=lr*gx[k];p[6+k]-=lr*gv[k];}for(int k=0;k<3;k++)p[12+k]-=lr*gm[k];}
 return l;}
// a tree of neurons; a and b: from which nodes each comes, leaves first
double tree_steps(int L,const int*a,const int*b,double x,double*p,double lr,int n){room(4L*L);double*v=X,*g=X+2L*L,l=0;int N=2*L-1;
 for(int it=0;it<n;it++){double u=p[0],w=p[1],c=p[2],d=p[3];for(int i=0;i<L;i++)v[i]=d*x+.01*i;for(int i=L;i<N;i++)v[i]=tanh(u*v[a[i]]+w*v[b[i]]+c);
  l=v[N-1]*v[N-1];g[N-1]=2*v[N-1];double gu=0,gw=0,gc=0,gd=0;
  for(int i=N-1;i>=L;i--){double q=g[i]*(1-v[i]*v[i]);gu+=q*v[a[i]];gw+=q*v[b[i]];gc+=q;g[a[i]]=q*u;g[b[i]]=q*w;}
  for(int i=0;i<L;i++)gd+=g[i];p[0]-=lr*gu;p[1]-=lr*gw;p[2]-=lr*gc;p[3]-=lr*gd*x;}
 return l;}
